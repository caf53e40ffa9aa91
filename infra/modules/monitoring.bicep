// Where logs, metrics and traces go, and who is told.

import { Tags } from '../types.bicep'

@description('Region of the workspace.')
param location string

@description('Name of the Log Analytics workspace.')
param workspaceName string

@description('Name of the Application Insights resource.')
param appInsightsName string

@description('Days for which logs are kept.')
param retentionDays int

@description('Gigabytes of logs a day, above which no more are taken in that day; -1 for no limit.')
param dailyCapGb int

@description('Name of the action group.')
param actionGroupName string

@description('Addresses that alerts are sent to.')
param alertEmails string[]

@description('Tags of all three.')
param tags Tags

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-07-01' = {
  name: workspaceName
  location: location
  tags: tags
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: retentionDays
    workspaceCapping: { dailyQuotaGb: dailyCapGb }
    features: { disableLocalAuth: true, enableLogAccessUsingOnlyResourcePermissions: true }
  }
}

resource appInsights 'Microsoft.Insights/components@2020-02-02' = {
  name: appInsightsName
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    // Without a token of Microsoft Entra ID nothing is taken in: the connection string is no secret.
    DisableLocalAuth: true
  }
}

resource actionGroup 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: actionGroupName
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'playPrompt'
    enabled: true
    emailReceivers: [for email in alertEmails: { name: email, emailAddress: email, useCommonAlertSchema: true }]
  }
}

@description('Resource id of the workspace.')
output workspaceId string = workspace.id

@description('Resource id of Application Insights.')
output appInsightsId string = appInsights.id

@description('Name of Application Insights.')
output appInsightsName string = appInsights.name

@description('Where telemetry is sent; holds no secret, as local authentication is off.')
output connectionString string = appInsights.properties.ConnectionString

@description('Resource id of the action group.')
output actionGroupId string = actionGroup.id
