// The whole service in a resource group of its own, with no secret anywhere: identities and roles instead of keys.
//
//   az deployment sub create --location westeurope --template-file infra/main.bicep --parameters infra/main.staging.bicepparam

targetScope = 'subscription'

import { Settings, Tags } from 'types.bicep'

@description('Region of everything.')
param location string = deployment().location

@minLength(2)
@maxLength(12)
@description('Which deployment this is, such as staging or production; part of every name.')
param environmentName string

@description('Name of the resource group, which is created.')
param resourceGroupName string = 'rg-playprompt-${environmentName}'

@description('Tags of everything, beside the one by which the Azure Developer CLI finds its environment.')
param tags Tags = {}

@description('Settings of the app.')
param settings Settings

@description('Where operations are kept: in a storage account, or in Azure Cosmos DB for Table.')
param tableStore 'storage' | 'cosmos' = 'storage'

@minValue(1000)
@description('With Azure Cosmos DB: throughput of the table at most, in request units a second.')
param cosmosMaxThroughput int = 4000

@description('Whether the app and its stores are spread over the zones of the region. Flex Consumption then keeps at least two instances ready.')
param zoneRedundant bool = false

@description('Whether the stores have private addresses only. Without it they have public ones, which let in the subnet of the app and nothing else.')
param privateNetwork bool = false

@description('Addresses of the virtual network, a /23 or larger.')
param networkAddressPrefix string = '10.0.0.0/23'

@description('Major version of Node.js; 22 where the region has no 24.')
param nodeVersion '22' | '24' = '24'

@description('Version of TLS that callers must speak at least; 1.2 for callers on Windows Server 2019 and older.')
param minTlsVersion '1.2' | '1.3' = '1.3'

@minValue(40)
@maxValue(1000)
@description('Instances at most.')
param maximumInstanceCount int = 100

@description('Memory of an instance, in MiB.')
param instanceMemoryMB 512 | 2048 | 4096 = 2048

@minValue(1)
@maxValue(1000)
@description('Requests that an instance is given at once before another one is started.')
param perInstanceConcurrency int = 100

@minValue(0)
@description('Instances that are always there for HTTP, so that no caller waits for one to start.')
param alwaysReady int = 0

@description('Addresses that alerts are sent to.')
param alertEmails string[] = []

@description('Percentage of answers in five minutes that may be 5xx.')
param serverErrorPercentage int = 1

@description('Milliseconds within which 95 of 100 answers must be given.')
param latencyMs int = 500

@description('Answers in five minutes that may be 401 or 403.')
param refusedRequests int = 100

@description('Share of requests whose trace is told, such as 0.05; metrics are always whole.')
param traceRatio string = '1'

@minValue(30)
@maxValue(730)
@description('Days for which logs are kept.')
param logRetentionDays int = 30

@description('Gigabytes of logs a day, above which no more are taken in that day; -1 for no limit.')
param logDailyCapGb int = -1

@description('Whether each read and write of the stores leaves a row in the log: dear under load.')
param logStoreRequests bool = false

@description('Whether nothing of the resource group can be deleted.')
param lock bool = false

@description('What the resource group may cost a month, in the currency of the bill; none for no budget.')
param monthlyBudget int?

@description('First day of the month that the budget begins in.')
param budgetStart string = utcNow('yyyy-MM-01')

var suffix = uniqueString(subscription().id, resourceGroupName, location)
var prefix = 'playprompt-${environmentName}'
var identityName = 'id-${prefix}'
var hostAccountName = 'sthost${suffix}'
var operationsAccountName = 'stops${suffix}'
var appInsightsName = 'appi-${prefix}'
var tableName = settings.?TABLES_NAME ?? 'playPromptOperations'
var deploymentContainer = 'app'
var cosmosDb = tableStore == 'cosmos'
var allTags = { ...tags, 'azd-env-name': environmentName }

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: resourceGroupName
  location: location
  tags: allTags
}

module identity 'modules/identity.bicep' = {
  scope: group
  params: { location: location, name: identityName, tags: allTags }
}

module monitoring 'modules/monitoring.bicep' = {
  scope: group
  params: {
    location: location
    workspaceName: 'log-${prefix}'
    appInsightsName: appInsightsName
    retentionDays: logRetentionDays
    dailyCapGb: logDailyCapGb
    actionGroupName: 'ag-${prefix}'
    alertEmails: alertEmails
    tags: allTags
  }
}

module network 'modules/network.bicep' = {
  scope: group
  params: {
    location: location
    name: 'vnet-${prefix}'
    addressPrefix: networkAddressPrefix
    serviceEndpoints: privateNetwork
      ? []
      : cosmosDb ? ['Microsoft.Storage', 'Microsoft.AzureCosmosDB'] : ['Microsoft.Storage']
    tags: allTags
  }
}

module host 'modules/storage.bicep' = {
  scope: group
  params: {
    location: location
    name: hostAccountName
    containers: [deploymentContainer]
    zoneRedundant: zoneRedundant
    privateNetwork: privateNetwork
    subnetId: network.outputs.appSubnetId
    workspaceId: monitoring.outputs.workspaceId
    logRequests: logStoreRequests
    tags: allTags
  }
}

module operations 'modules/storage.bicep' = if (!cosmosDb) {
  scope: group
  params: {
    location: location
    name: operationsAccountName
    tables: [tableName]
    zoneRedundant: zoneRedundant
    privateNetwork: privateNetwork
    subnetId: network.outputs.appSubnetId
    workspaceId: monitoring.outputs.workspaceId
    logRequests: logStoreRequests
    tags: allTags
  }
}

module cosmos 'modules/cosmos.bicep' = if (cosmosDb) {
  scope: group
  params: {
    location: location
    name: 'cosmos-${prefix}-${suffix}'
    tableName: tableName
    maxThroughput: cosmosMaxThroughput
    zoneRedundant: zoneRedundant
    principalId: identity.outputs.principalId
    identityName: identityName
    privateNetwork: privateNetwork
    subnetId: network.outputs.appSubnetId
    workspaceId: monitoring.outputs.workspaceId
    logRequests: logStoreRequests
    tags: allTags
  }
}

module roles 'modules/roles.bicep' = {
  scope: group
  params: {
    principalId: identity.outputs.principalId
    identityName: identityName
    hostAccountName: hostAccountName
    operationsAccountName: cosmosDb ? null : operationsAccountName
    tableName: tableName
    appInsightsName: appInsightsName
  }
  dependsOn: [monitoring, host, operations]
}

module hostEndpoint 'modules/privateEndpoint.bicep' = if (privateNetwork) {
  scope: group
  params: {
    location: location
    name: 'pe-host-${prefix}'
    storeId: host.outputs.id
    groupId: 'blob'
    zoneName: 'privatelink.blob.${environment().suffixes.storage}'
    networkId: network.outputs.id
    subnetId: network.outputs.endpointsSubnetId
    tags: allTags
  }
}

module storeEndpoint 'modules/privateEndpoint.bicep' = if (privateNetwork) {
  scope: group
  params: {
    location: location
    name: 'pe-operations-${prefix}'
    storeId: storeId
    groupId: cosmosDb ? 'Table' : 'table'
    zoneName: cosmosDb ? 'privatelink.table.cosmos.azure.com' : 'privatelink.table.${environment().suffixes.storage}'
    networkId: network.outputs.id
    subnetId: network.outputs.endpointsSubnetId
    tags: allTags
  }
}

module app 'modules/functionApp.bicep' = {
  scope: group
  params: {
    location: location
    planName: 'asp-${prefix}'
    name: 'func-${prefix}-${suffix}'
    nodeVersion: nodeVersion
    minTlsVersion: minTlsVersion
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    hostBlobEndpoint: host.outputs.blobEndpoint
    deploymentContainer: deploymentContainer
    tablesEndpoint: tablesEndpoint
    appInsightsConnectionString: monitoring.outputs.connectionString
    traceRatio: traceRatio
    settings: settings
    subnetId: network.outputs.appSubnetId
    zoneRedundant: zoneRedundant
    maximumInstanceCount: maximumInstanceCount
    instanceMemoryMB: instanceMemoryMB
    perInstanceConcurrency: perInstanceConcurrency
    alwaysReady: alwaysReady
    workspaceId: monitoring.outputs.workspaceId
    tags: allTags
  }
  // So that it reaches its package and its table from the first moment on.
  dependsOn: [roles, hostEndpoint, storeEndpoint]
}

module queryAlerts 'modules/queryAlerts.bicep' = {
  scope: group
  params: {
    location: location
    prefix: prefix
    workspaceId: monitoring.outputs.workspaceId
    actionGroupId: monitoring.outputs.actionGroupId
    serverErrorPercentage: serverErrorPercentage
    latencyMs: latencyMs
    refusedRequests: refusedRequests
    tags: allTags
  }
}

module metricAlerts 'modules/metricAlerts.bicep' = {
  scope: group
  params: {
    location: location
    prefix: prefix
    appInsightsId: monitoring.outputs.appInsightsId
    hostName: app.outputs.hostName
    tableStore: tableStore
    storeId: storeId
    actionGroupId: monitoring.outputs.actionGroupId
    tags: allTags
  }
}

module workbook 'modules/workbook.bicep' = {
  scope: group
  params: {
    location: location
    workspaceId: monitoring.outputs.workspaceId
    tags: allTags
  }
}

module guard 'modules/guard.bicep' = {
  scope: group
  params: {
    lock: lock
    monthlyBudget: monthlyBudget
    budgetStart: budgetStart
    actionGroupId: monitoring.outputs.actionGroupId
  }
}

var storeId = cosmosDb ? cosmos!.outputs.id : operations!.outputs.id
var tablesEndpoint = cosmosDb ? cosmos!.outputs.tableEndpoint : operations!.outputs.tableEndpoint

@description('Name of the resource group.')
output resourceGroupName string = group.name

@description('Name of the function app, for the deployment of its package.')
output appName string = app.outputs.name

@description('Host name of the app, for requests.')
output hostName string = app.outputs.hostName

@description('Address of the table service with the operations.')
output tablesEndpoint string = tablesEndpoint

@description('Client id of the identity of the app.')
output identityClientId string = identity.outputs.clientId
