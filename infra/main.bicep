// The service in a resource group that infra/bootstrap.bicep has prepared. It holds no secret: identities and roles
// replace keys.
//
//   az deployment group create --name playpromptoperation --resource-group rg-playprompt-staging \
//     --template-file infra/main.bicep --parameters infra/main.staging.bicepparam

import { hasOnly, isGuid, isName, Settings, Subnets, Tags, Zones } from 'types.bicep'

@description('Region of all resources.')
param location string = resourceGroup().location

@minLength(2)
@maxLength(12)
@description('Name of the environment, such as staging or production: lowercase letters, digits and hyphens.')
param environmentName string

@description('Tags of all resources.')
param tags Tags = {}

@description('Settings of the app.')
param settings Settings

@description('Where operations are stored: in Azure Table Storage or in Azure Cosmos DB for Table.')
param tableStore 'storage' | 'cosmos' = 'storage'

@minValue(1000)
@maxValue(1000000)
@description('Maximum throughput of the table in Azure Cosmos DB, in request units per second: a multiple of 1,000.')
param cosmosMaxThroughput int = 4000

@description('Whether the app and its stores span the availability zones of the region, which must have them. Flex Consumption then keeps at least two instances always ready, and bills them, for the HTTP functions and again for each timer.')
param zoneRedundant bool = false

@description('A second region that keeps a copy of the operations; none by default. Table Storage always copies to the region that Azure pairs with the first, whichever one this names. Azure Cosmos DB refuses a change of regions together with other changes.')
param secondaryLocation string?

@description('Address space of the virtual network, a /23 or larger.')
param networkAddressPrefix string = '10.0.0.0/23'

@minLength(1)
@description('Resource id of a NAT gateway, through which the app then sends.')
param natGatewayId string?

@description('Subnets of an existing network, instead of a network of its own.')
param subnets Subnets?

@description('Private DNS zones that exist already, instead of zones of its own.')
param privateDnsZones Zones = {}

@description('Sources that may call the app: CIDR ranges and service tags, such as 203.0.113.0/24 or AzureFrontDoor.Backend. Empty admits everyone.')
param allowedSources string[] = []

@description('Id of the Azure Front Door profile, from which alone AzureFrontDoor.Backend is then admitted.')
param frontDoorId string?

@description('Origins of web apps whose scripts may call the app, such as https://app.example.com; empty admits none.')
param corsOrigins string[] = []

@minValue(40)
@maxValue(1000)
@description('Maximum number of instances.')
param maximumInstanceCount int = 100

@description('Memory of an instance, in MiB.')
param instanceMemoryMB 512 | 2048 | 4096 = 2048

@minValue(0)
@description('Instances that are always ready for HTTP requests, so that no caller waits for a cold start. With zoneRedundant there are two already: only more than two add any.')
param alwaysReady int = 0

@description('E-mail addresses that alerts are sent to.')
param alertEmails string[] = []

@minValue(1)
@maxValue(100)
@description('Percentage of requests whose trace is recorded. Metrics are not sampled.')
param tracePercentage int = 100

@minValue(30)
@maxValue(730)
@description('Days for which logs are kept.')
param logRetentionDays int = 30

@minValue(1)
@description('Gigabytes of logs per day. Ingestion stops for the day when they are reached; an alert fires at 80 %.')
param logDailyCapGb int = 1

// Bicep has no patterns for parameters. What a type cannot express fails here, before anything is deployed.
var faults = [
  ...(isName(environmentName) ? [] : ['environmentName: lowercase letters, digits and hyphens'])
  ...(empty(filter(split(settings.AUTH_TENANTS, ','), tenant => !isGuid(trim(tenant))))
    ? []
    : ['AUTH_TENANTS: tenant ids (GUIDs), comma-separated'])
  ...(contains(['', 'false', 'true'], toLower(settings.?KEEP_FINAL_STATUS ?? '')) ? [] : ['KEEP_FINAL_STATUS: true or false'])
  ...(hasOnly(settings.?OVERDUE_MINUTES ?? '', '0123456789') ? [] : ['OVERDUE_MINUTES: a whole number'])
  ...(hasOnly(settings.?RETENTION_DAYS ?? '', '0123456789') ? [] : ['RETENTION_DAYS: a whole number'])
  ...(empty(settings.?PUBLIC_URL) || (startsWith(settings.?PUBLIC_URL!, 'https://') && !endsWith(settings.?PUBLIC_URL!, '/'))
    ? []
    : ['PUBLIC_URL: an https address without a slash at its end'])
  ...(cosmosMaxThroughput % 1000 == 0 ? [] : ['cosmosMaxThroughput: a multiple of 1,000'])
  ...(empty(filter(alertEmails, address => !contains(address, '@'))) ? [] : ['alertEmails: e-mail addresses'])
  // An address without a prefix length would count as a service tag.
  ...(empty(filter(
      allowedSources,
      source => !contains(source, '/') && (contains(source, ':') || hasOnly(source, '0123456789.'))
    ))
    ? []
    : ['allowedSources: CIDR ranges, such as 203.0.113.7/32, and service tags'])
  ...(frontDoorId == null || isGuid(frontDoorId!) ? [] : ['frontDoorId: a GUID'])
  ...(natGatewayId == null || subnets == null ? [] : ['natGatewayId: only with a network of its own'])
]
var prefix = empty(faults) ? 'playprompt-${environmentName}' : fail(join(faults, '; '))
var suffix = uniqueString(resourceGroup().id, location)
var cosmosDb = tableStore == 'cosmos'
var tableName = 'playPromptOperations'
var deploymentContainer = 'app'

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-${prefix}'
  location: location
  tags: tags
}

module monitoring 'modules/monitoring.bicep' = {
  params: {
    location: location
    prefix: prefix
    retentionDays: logRetentionDays
    dailyCapGb: logDailyCapGb
    alertEmails: map(alertEmails, address => trim(address))
    principalId: identity.properties.principalId
    tags: tags
  }
}

module host 'modules/storage.bicep' = {
  params: {
    location: location
    name: 'sthost${suffix}'
    containers: [deploymentContainer]
    zoneRedundant: zoneRedundant
    principalId: identity.properties.principalId
    tags: tags
  }
}

module operations 'modules/storage.bicep' = if (!cosmosDb) {
  params: {
    location: location
    name: 'stops${suffix}'
    tables: [tableName]
    zoneRedundant: zoneRedundant
    geoRedundant: secondaryLocation != null
    principalId: identity.properties.principalId
    tags: tags
  }
}

module cosmos 'modules/cosmos.bicep' = if (cosmosDb) {
  params: {
    locations: secondaryLocation == null ? [location] : [location, secondaryLocation!]
    name: 'cosmos-${prefix}-${suffix}'
    tableName: tableName
    maxThroughput: cosmosMaxThroughput
    zoneRedundant: zoneRedundant
    principalId: identity.properties.principalId
    tags: tags
  }
}

var store = cosmosDb
  ? {
      id: cosmos!.outputs.id
      tableEndpoint: cosmos!.outputs.tableEndpoint
      groupId: 'Table'
      zone: 'privatelink.table.cosmos.azure.com'
    }
  : {
      id: operations!.outputs.id
      tableEndpoint: operations!.outputs.tableEndpoint
      groupId: 'table'
      zone: 'privatelink.table.${environment().suffixes.storage}'
    }

module network 'modules/network.bicep' = {
  params: {
    location: location
    prefix: prefix
    addressPrefix: networkAddressPrefix
    natGatewayId: natGatewayId
    subnets: subnets
    stores: [
      {
        name: 'host'
        id: host.outputs.id
        groupId: 'blob'
        zone: 'privatelink.blob.${environment().suffixes.storage}'
        zoneId: privateDnsZones.?blob
      }
      {
        // A private endpoint cannot change its target: one for each kind of store.
        name: 'operations-${tableStore}'
        id: store.id
        groupId: store.groupId
        zone: store.zone
        zoneId: privateDnsZones.?table
      }
    ]
    tags: tags
  }
}

module app 'modules/app.bicep' = {
  params: {
    location: location
    planName: 'asp-${prefix}'
    name: 'func-${prefix}-${suffix}'
    identityId: identity.id
    identityClientId: identity.properties.clientId
    hostBlobEndpoint: host.outputs.blobEndpoint
    deploymentContainer: deploymentContainer
    tablesEndpoint: store.tableEndpoint
    appInsightsConnectionString: monitoring.outputs.connectionString
    tracePercentage: tracePercentage
    settings: settings
    subnetId: network.outputs.appSubnetId
    allowedSources: allowedSources
    frontDoorId: frontDoorId
    corsOrigins: corsOrigins
    zoneRedundant: zoneRedundant
    maximumInstanceCount: maximumInstanceCount
    instanceMemoryMB: instanceMemoryMB
    alwaysReady: alwaysReady
    tags: tags
  }
}

var url = empty(settings.?PUBLIC_URL) ? 'https://${app.outputs.hostName}' : settings.?PUBLIC_URL!

module alerts 'modules/alerts.bicep' = {
  params: {
    location: location
    prefix: prefix
    workspaceId: monitoring.outputs.workspaceId
    appInsightsId: monitoring.outputs.appInsightsId
    actionGroupId: monitoring.outputs.actionGroupId
    url: url
    tableStore: tableStore
    storeId: store.id
    dailyCapGb: logDailyCapGb
    maximumInstanceCount: maximumInstanceCount
    notifies: !empty(settings.?NOTIFICATION_HOSTS)
    endsOverdue: !empty(settings.?OVERDUE_MINUTES)
    tags: tags
  }
}

@description('Name of the function app, to which the package is deployed.')
output appName string = app.outputs.name

@description('URL of the service.')
output url string = url
