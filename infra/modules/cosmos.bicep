// Azure Cosmos DB for Table instead of Table Storage: lower latency and more throughput, at a higher price.

import { Tags } from '../types.bicep'

@description('Regions of the account. The first one takes the writes.')
param locations string[]

@minLength(3)
@maxLength(44)
@description('Name of the account.')
param name string

@description('Name of the table.')
param tableName string

@description('Maximum throughput of the table, in request units per second. Autoscale goes down to a tenth of it.')
param maxThroughput int

@description('Whether each region stores the data in several zones.')
param zoneRedundant bool

@description('Object id of the identity that reads and writes the data.')
param principalId string

@description('Tags of the account.')
param tags Tags

// Built in, with the same id in every account: reads and writes data.
var dataContributor = '00000000-0000-0000-0000-000000000002'

resource account 'Microsoft.DocumentDB/databaseAccounts@2026-03-15' = {
  name: name
  location: locations[0]
  tags: tags
  kind: 'GlobalDocumentDB'
  properties: {
    databaseAccountOfferType: 'Standard'
    capabilities: [{ name: 'EnableTable' }]
    // Azure refuses to change these together with other properties, so no other one depends on them.
    locations: [
      for (region, priority) in locations: {
        locationName: region
        failoverPriority: priority
        isZoneRedundant: zoneRedundant
      }
    ]
    // ETags and the app's retries rely on reads that see the last write.
    consistencyPolicy: { defaultConsistencyLevel: 'Strong' }
    enableAutomaticFailover: true
    disableLocalAuth: true
    minimalTlsVersion: 'Tls12'
    publicNetworkAccess: 'Disabled'
    networkAclBypass: 'None'
    // Restores to any moment of the last 7 days, which Table Storage cannot.
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
    name: guid(account.id, principalId, dataContributor)
    properties: {
      principalId: principalId
      roleDefinitionId: '${account.id}/tableRoleDefinitions/${dataContributor}'
      scope: account.id
    }
  }
}

@description('Resource id of the account.')
output id string = account.id

@description('URL of its tables, without a trailing slash.')
output tableEndpoint string = 'https://${account.name}.table.cosmos.azure.com'
