// Azure Cosmos DB for Table in place of the storage account of the operations: the same app, faster and dearer.

import { Tags } from '../types.bicep'

@description('Region of the account.')
param location string

@minLength(3)
@maxLength(44)
@description('Name of the account.')
param name string

@description('Name of the table.')
param tableName string

@description('Throughput of the table at most, in request units a second; it scales down to a tenth of that.')
param maxThroughput int

@description('Whether the region keeps the account in several zones.')
param zoneRedundant bool

@description('Object id of the identity that reads and writes the table.')
param principalId string

@description('Name of that identity, which the name of its role assignment is made of.')
param identityName string

@description('Whether only private endpoints are let in.')
param privateNetwork bool

@description('Resource id of the only subnet that is let in otherwise, by its service endpoint.')
param subnetId string

@description('Resource id of the Log Analytics workspace.')
param workspaceId string

@description('Whether each read and write leaves a row in the log.')
param logRequests bool

@description('Tags of the account.')
param tags Tags

// Reads and writes rows; built in, the same in every account.
var dataContributor = '00000000-0000-0000-0000-000000000002'

resource account 'Microsoft.DocumentDB/databaseAccounts@2026-03-15' = {
  name: name
  location: location
  tags: tags
  kind: 'GlobalDocumentDB'
  properties: {
    databaseAccountOfferType: 'Standard'
    capabilities: [{ name: 'EnableTable' }]
    locations: [{ locationName: location, failoverPriority: 0, isZoneRedundant: zoneRedundant }]
    // What was written is read: ETags and the app's retries rely on it.
    consistencyPolicy: { defaultConsistencyLevel: 'Strong' }
    disableLocalAuth: true
    minimalTlsVersion: 'Tls12'
    publicNetworkAccess: privateNetwork ? 'Disabled' : 'Enabled'
    isVirtualNetworkFilterEnabled: true
    virtualNetworkRules: privateNetwork ? [] : [{ id: subnetId }]
    networkAclBypass: 'None'
    // Unlike tables in Azure Storage, these can be put back to any moment of the last 7 days.
    backupPolicy: { type: 'Continuous', continuousModeProperties: { tier: 'Continuous7Days' } }
  }

  resource table 'tables' = {
    name: tableName
    properties: {
      resource: { id: tableName }
      options: { autoscaleSettings: { maxThroughput: maxThroughput } }
    }
  }

  resource role 'tableRoleAssignments' = {
    name: guid(account.id, identityName, dataContributor)
    properties: {
      principalId: principalId
      roleDefinitionId: '${account.id}/tableRoleDefinitions/${dataContributor}'
      scope: account.id
    }
  }
}

// The only version that knows categories as they are today; Azure has no newer one.
#disable-next-line use-recent-api-versions
resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'logAnalytics'
  scope: account
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'TableApiRequests', enabled: logRequests }]
    metrics: [{ category: 'Requests', enabled: true }]
  }
}

@description('Resource id of the account.')
output id string = account.id

@description('Address of its tables, without a slash at the end.')
output tableEndpoint string = 'https://${account.name}.table.cosmos.azure.com'
