// A storage account without keys and without a public endpoint.

import { roles, Tags } from '../types.bicep'

@description('Region of the account.')
param location string

@minLength(3)
@maxLength(24)
@description('Name of the account.')
param name string

@description('Names of its blob containers.')
param containers string[] = []

@description('Names of its tables.')
param tables string[] = []

@description('Whether each write is stored in three zones of the region instead of one.')
param zoneRedundant bool

@description('Whether the data is also copied to the paired region.')
param geoRedundant bool = false

@description('Object id of the identity that reads and writes the data.')
param principalId string

@description('Tags of the account.')
param tags Tags

resource account 'Microsoft.Storage/storageAccounts@2025-08-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: 'Standard_${geoRedundant ? 'G' : ''}${zoneRedundant ? 'Z' : geoRedundant ? '' : 'L'}RS' }
  properties: {
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    supportsHttpsTrafficOnly: true
    minimumTlsVersion: 'TLS1_2'
    publicNetworkAccess: 'Disabled'
    networkAcls: { defaultAction: 'Deny', bypass: 'None' }
  }

  resource blobs 'blobServices' = {
    name: 'default'
    properties: {
      deleteRetentionPolicy: { enabled: true, days: 7 }
      containerDeleteRetentionPolicy: { enabled: true, days: 7 }
    }

    resource container 'containers' = [for container in containers: { name: container }]
  }

  resource tableService 'tableServices' = {
    name: 'default'

    resource table 'tables' = [for table in tables: { name: table }]
  }
}

// Named by the principal: a recreated identity gets an assignment of its own, since Azure lets none change its principal.
resource blobRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(containers)) {
  name: guid(account.id, principalId, roles.storageBlobDataOwner)
  scope: account
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageBlobDataOwner)
  }
}

// Scoped to the table: the app cannot create or read others.
resource tableRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (table, index) in tables: {
    name: guid(account::tableService::table[index].id, principalId, roles.storageTableDataContributor)
    scope: account::tableService::table[index]
    properties: {
      principalId: principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId(
        'Microsoft.Authorization/roleDefinitions',
        roles.storageTableDataContributor
      )
    }
  }
]

@description('Resource id of the account.')
output id string = account.id

@description('URL of its blobs, without a trailing slash.')
output blobEndpoint string = 'https://${account.name}.blob.${environment().suffixes.storage}'

@description('URL of its tables, without a trailing slash.')
output tableEndpoint string = 'https://${account.name}.table.${environment().suffixes.storage}'
