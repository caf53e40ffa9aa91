// The function app, on Flex Consumption.

import { Settings, Tags } from '../types.bicep'

@description('Region of the app.')
param location string

@description('Name of the plan.')
param planName string

@description('Name of the app, the first label of its host name.')
param name string

@description('Resource id of the user-assigned managed identity.')
param identityId string

@description('Client id of that identity.')
param identityClientId string

@description('URL of the blobs of the storage account of the Functions host.')
param hostBlobEndpoint string

@description('Container of that account that holds the package of the app.')
param deploymentContainer string

@description('URL of the table service.')
param tablesEndpoint string

@description('Connection string of Application Insights; not a secret, since local authentication is off.')
param appInsightsConnectionString string

@description('Percentage of requests whose trace is recorded.')
param tracePercentage int

@description('Settings of the app.')
param settings Settings

@description('Resource id of the subnet that the app sends from.')
param subnetId string

@description('CIDR ranges and service tags that may call the app; empty admits everyone.')
param allowedSources string[]

@description('Id of the Azure Front Door profile that alone is admitted by its service tag.')
param frontDoorId string?

@description('Origins of web apps whose scripts may call the app; empty admits none.')
param corsOrigins string[]

@description('Whether instances span the zones of the region.')
param zoneRedundant bool

@description('Maximum number of instances.')
param maximumInstanceCount int

@description('Memory of an instance, in MiB.')
param instanceMemoryMB int

@description('Instances that are always ready for HTTP requests.')
param alwaysReady int

@description('Tags of the app and its plan.')
param tags Tags

// The availability test of alerts.bicep comes from a service tag too, unless it goes through the gateway.
var sources = empty(allowedSources)
  ? []
  : [...allowedSources, ...(empty(settings.?PUBLIC_URL) ? ['ApplicationInsightsAvailability'] : [])]

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
  tags: tags
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
      // Not 1.3: Microsoft does not promise that every test location of an availability test speaks it, and callers on
      // Windows Server 2019 do not: https://learn.microsoft.com/azure/azure-monitor/app/availability#supported-tls-configurations
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      ftpsState: 'Disabled'
      http20Enabled: true
      remoteDebuggingEnabled: false
      cors: { allowedOrigins: corsOrigins }
      ipSecurityRestrictionsDefaultAction: empty(sources) ? 'Allow' : 'Deny'
      ipSecurityRestrictions: [
        for (source, index) in sources: {
          name: 'allowed${index}'
          action: 'Allow'
          priority: 100 + index
          ipAddress: source
          tag: contains(source, '/') ? 'Default' : 'ServiceTag'
          ...(source == 'AzureFrontDoor.Backend' && frontDoorId != null
            ? { headers: { 'x-azure-fdid': [frontDoorId!] } }
            : {})
        }
      ]
      // Deployment is authorized by Microsoft Entra ID alone, since basic credentials are off.
      scmIpSecurityRestrictionsUseMain: false
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
      runtime: { name: 'node', version: '24' }
      scaleAndConcurrency: {
        maximumInstanceCount: maximumInstanceCount
        instanceMemoryMB: instanceMemoryMB
        alwaysReady: alwaysReady == 0 ? [] : [{ name: 'http', instanceCount: alwaysReady }]
        // As many as host.json lets run at once; the scale controller then adds an instance before the host refuses one.
        triggers: {
          http: { perInstanceConcurrency: loadJsonContent('../../host.json').extensions.http.maxConcurrentRequests }
        }
      }
    }
  }

  resource appSettings 'config' = {
    name: 'appsettings'
    properties: {
      // The host needs blobs only; without URIs for queues and tables it does not look for them.
      AzureWebJobsStorage__blobServiceUri: hostBlobEndpoint
      AzureWebJobsStorage__credential: 'managedidentity'
      AzureWebJobsStorage__clientId: identityClientId
      // In bytes: that of a batch, and 64 KiB more, for which the app answers with its own 413. The host reads it all, token or not.
      FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '1114112'
      // Else the platform answers some methods on / with a page of its own.
      AzureWebJobsDisableHomepage: 'true'
      APPLICATIONINSIGHTS_CONNECTION_STRING: appInsightsConnectionString
      APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
      // The host knows two samplers, this one and microsoft.rate_limited: https://github.com/Azure/azure-functions-host/pull/11568
      OTEL_TRACES_SAMPLER: 'microsoft.fixed_percentage'
      OTEL_TRACES_SAMPLER_ARG: tracePercentage == 100 ? '1' : '0.${padLeft(tracePercentage, 2, '0')}'
      // An empty setting counts as not set.
      ...toObject(
        filter(items(settings), setting => !empty(setting.?value)),
        setting => setting.key,
        setting => setting.?value
      )
      // The host speaks gRPC to a collector unless this names the protocol of the app.
      ...(empty(settings.?OTEL_EXPORTER_OTLP_ENDPOINT) ? {} : { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' })
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

@description('Name of the app.')
output name string = app.name

@description('Host name of the app.')
output hostName string = app.properties.defaultHostName
