// A storage account that takes tokens of Microsoft Entra ID only, from the app's subnet only.

import { Tags } from '../types.bicep'

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

@description('Whether each write is kept in three zones of the region, instead of one.')
param zoneRedundant bool

@description('Whether only private endpoints are let in.')
param privateNetwork bool

@description('Resource id of the only subnet that is let in otherwise, by its service endpoint.')
param subnetId string

@description('Resource id of the Log Analytics workspace.')
param workspaceId string

@description('Whether each read and write leaves a row in the log, or deletes alone do.')
param logRequests bool

@description('Tags of the account.')
param tags Tags

var diagnostics = {
  workspaceId: workspaceId
  logs: [
    { category: 'StorageRead', enabled: logRequests }
    { category: 'StorageWrite', enabled: logRequests }
    { category: 'StorageDelete', enabled: true }
  ]
  metrics: [{ category: 'Transaction', enabled: true }]
}

resource account 'Microsoft.Storage/storageAccounts@2025-08-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: zoneRedundant ? 'Standard_ZRS' : 'Standard_LRS' }
  properties: {
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    supportsHttpsTrafficOnly: true
    minimumTlsVersion: 'TLS1_2'
    publicNetworkAccess: privateNetwork ? 'Disabled' : 'Enabled'
    networkAcls: {
      defaultAction: 'Deny'
      // Nothing of Azure but the app comes here: not even its trusted services, which diagnostics do without.
      bypass: 'None'
      virtualNetworkRules: privateNetwork ? [] : [{ id: subnetId, action: 'Allow' }]
    }
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

// The only version that knows categories as they are today; Azure has no newer one.
#disable-next-line use-recent-api-versions
resource blobDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'logAnalytics'
  scope: account::blobs
  properties: diagnostics
}

#disable-next-line use-recent-api-versions
resource tableDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'logAnalytics'
  scope: account::tableService
  properties: diagnostics
}

@description('Resource id of the account.')
output id string = account.id

@description('Name of the account.')
output name string = account.name

@description('Address of its blobs, without a slash at the end.')
output blobEndpoint string = 'https://${account.name}.blob.${environment().suffixes.storage}'

@description('Address of its tables, without a slash at the end.')
output tableEndpoint string = 'https://${account.name}.table.${environment().suffixes.storage}'
