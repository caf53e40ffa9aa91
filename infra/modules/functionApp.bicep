// The app, on Flex Consumption: its plan, its settings, its identity and the package that it is deployed from.

import { Settings, Tags } from '../types.bicep'

@description('Region of the app.')
param location string

@description('Name of the plan.')
param planName string

@description('Name of the app, the first part of its address.')
param name string

@description('Major version of Node.js.')
param nodeVersion string

@description('Resource id of the user-assigned managed identity.')
param identityId string

@description('Client id of that identity.')
param identityClientId string

@description('Address of the blobs of the account of the Functions host.')
param hostBlobEndpoint string

@description('Container of that account that the package of the app is deployed to.')
param deploymentContainer string

@description('Address of the table service with the operations.')
param tablesEndpoint string

@description('Connection string of Application Insights; it has no secret, as local authentication is off.')
param appInsightsConnectionString string

@description('Share of requests whose trace is told, such as 0.05; metrics are always whole.')
param traceRatio string

@description('Settings of the app.')
param settings Settings

@description('Version of TLS that callers must speak at least.')
param minTlsVersion string

@description('Resource id of the subnet that the app sends from.')
param subnetId string

@description('Whether instances are spread over the zones of the region.')
param zoneRedundant bool

@description('Instances at most.')
param maximumInstanceCount int

@description('Memory of an instance, in MiB.')
param instanceMemoryMB int

@description('Requests that an instance is given at once before another one is started.')
param perInstanceConcurrency int

@description('Instances that are always there for HTTP.')
param alwaysReady int

@description('Resource id of the Log Analytics workspace.')
param workspaceId string

@description('Tags of the app and its plan.')
param tags Tags

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { tier: 'FlexConsumption', name: 'FC1' }
  properties: {
    reserved: true
    zoneRedundant: zoneRedundant
  }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: name
  location: location
  // The Azure Developer CLI finds the app that it deploys to by this tag.
  tags: { ...tags, 'azd-service-name': 'app' }
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientAffinityEnabled: false
    virtualNetworkSubnetId: subnetId
    siteConfig: {
      minTlsVersion: minTlsVersion
      scmMinTlsVersion: '1.3'
      ftpsState: 'Disabled'
      http20Enabled: true
      remoteDebuggingEnabled: false
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${hostBlobEndpoint}/${deploymentContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: { name: 'node', version: nodeVersion }
      scaleAndConcurrency: {
        maximumInstanceCount: maximumInstanceCount
        instanceMemoryMB: instanceMemoryMB
        alwaysReady: alwaysReady == 0 ? [] : [{ name: 'http', instanceCount: alwaysReady }]
        triggers: { http: { perInstanceConcurrency: perInstanceConcurrency } }
      }
    }
  }

  resource appSettings 'config' = {
    name: 'appsettings'
    properties: {
      // The host of timers needs blobs only, so that it is told of no queues and no tables.
      AzureWebJobsStorage__blobServiceUri: hostBlobEndpoint
      AzureWebJobsStorage__credential: 'managedidentity'
      AzureWebJobsStorage__clientId: identityClientId
      // In bytes, above all that the app takes, so that it refuses a body in its own words.
      FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '2097152'
      APPLICATIONINSIGHTS_CONNECTION_STRING: appInsightsConnectionString
      APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio'
      OTEL_TRACES_SAMPLER_ARG: traceRatio
      // One that is empty counts as not set.
      ...toObject(
        filter(items(settings), setting => !empty(setting.?value)),
        setting => setting.key,
        setting => setting.?value
      )
      TABLES_ENDPOINT: tablesEndpoint
      AZURE_CLIENT_ID: identityClientId
    }
  }

  resource ftp 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: { allow: false }
  }

  resource scm 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: { allow: false }
  }
}

// The only version that knows categories as they are today; Azure has no newer one.
#disable-next-line use-recent-api-versions
resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'logAnalytics'
  scope: app
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'FunctionAppLogs', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

@description('Resource id of the app.')
output id string = app.id

@description('Name of the app.')
output name string = app.name

@description('Host name of the app.')
output hostName string = app.properties.defaultHostName
