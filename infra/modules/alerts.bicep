// Alerts on what the app answers, on notifications that wait, on what it costs to watch it, on its store, and on whether
// it is ready at all; and the workbook that shows the same.

import { Tags } from '../types.bicep'

@description('Region of the availability test and of the alerts on logs.')
param location string

@description('What the names of the alerts share.')
param prefix string

@description('Resource id of the Log Analytics workspace.')
param workspaceId string

@description('Resource id of Application Insights.')
param appInsightsId string

@description('Resource id of the action group.')
param actionGroupId string

@description('Host name of the app.')
param hostName string

@description('Where operations are stored.')
param tableStore 'storage' | 'cosmos'

@description('Resource id of that store.')
param storeId string

@description('Gigabytes of logs per day, after which ingestion stops for that day.')
param dailyCapGb int

@description('Tags of the resources.')
param tags Tags

// The app counts its responses itself, none left out. AppRequests are the host's, and are sampled: one row stands for
// ItemCount requests. A percentage of fewer than 50 of what was recorded means nothing.
var responses = 'AppMetrics | where Name == "playpromptoperation.request.duration" | extend status = toint(Properties["http.response.status_code"]) | where tostring(Properties["http.route"]) !startswith "health/"'
var requests = 'AppRequests | where Url !has "/health/"'
var percentage = 'where recorded >= 50 | project value = 100.0 * counted / total'

var queryAlerts = [
  {
    name: 'appErrors'
    severity: 1
    description: 'The app answers more than 1 % of requests with a 5xx.'
    query: '${responses} | summarize total = sum(ItemCount), counted = sumif(ItemCount, status >= 500) | extend recorded = total | ${percentage}'
    threshold: 1
  }
  {
    name: 'hostErrors'
    severity: 1
    description: 'The Functions host answers more than 1 % of requests with a 5xx that is not the app’s.'
    query: 'let ofApp = AppDependencies | where Properties has "faas.invocation_id" and Success == false; let failed = toscalar(${requests} | where toint(ResultCode) >= 500 | join kind=leftanti ofApp on OperationId | summarize sum(ItemCount)); ${requests} | summarize recorded = count(), total = sum(ItemCount) | extend counted = failed | ${percentage}'
    threshold: 1
  }
  {
    name: 'latency'
    severity: 2
    description: 'More than 5 % of requests take longer than 500 ms.'
    query: '${requests} | summarize recorded = count(), value = percentilew(DurationMs, ItemCount, 95) | where recorded >= 50'
    threshold: 500
  }
  {
    name: 'refusedCallers'
    severity: 2
    description: 'More than 10 % of requests lack a valid token or the permission: a client is set up wrongly, or someone is probing.'
    query: '${responses} | summarize total = sum(ItemCount), counted = sumif(ItemCount, status in (401, 403)) | extend recorded = total | ${percentage}'
    threshold: 10
  }
  {
    name: 'notifications'
    severity: 2
    description: 'The oldest change notification has waited for more than 15 minutes, or none is sent again since the timer does not run.'
    query: 'AppMetrics | extend isRun = Name == "playpromptoperation.outbox.oldest" | where isRun or Name == "playpromptoperation.notifications" | summarize runs = countif(isRun), total = count(), oldest = maxif(Sum, isRun) | where total > 0 | project value = iff(runs == 0, 3600.0, oldest)'
    threshold: 900
  }
  {
    name: 'logVolume'
    severity: 2
    description: 'The logs of the last day exceed 80 % of the daily cap. Above the cap, logs and the alerts on logs stop until the next day.'
    query: 'Usage | where IsBillable | summarize value = 100.0 * sum(Quantity) / 1000 / ${dailyCapGb}'
    threshold: 80
  }
]

// Azure's names of Amsterdam, Dublin, Virginia, California and Singapore.
var testLocations = ['emea-nl-ams-azr', 'emea-gb-db3-azr', 'us-va-ash-azr', 'us-ca-sjc-azr', 'apac-sg-sin-azr']

var throttling = {
  storage: {
    scope: '${storeId}/tableServices/default'
    metricNamespace: 'Microsoft.Storage/storageAccounts/tableServices'
    metricName: 'Transactions'
    dimension: 'ResponseType'
    values: [
      'ServerBusyError'
      'ServerTimeoutError'
      'ClientThrottlingError'
      'ClientAccountBandwidthThrottlingError'
      'ClientAccountRequestThrottlingError'
      'SuccessWithThrottling'
    ]
    aggregation: 'Total'
  }
  cosmos: {
    scope: storeId
    metricNamespace: 'Microsoft.DocumentDB/databaseAccounts'
    metricName: 'TotalRequests'
    dimension: 'StatusCode'
    values: ['429']
    aggregation: 'Count'
  }
}[tableStore]

resource onLogs 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = [
  for alert in queryAlerts: {
    name: '${prefix}-${alert.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: alert.name
      description: alert.description
      severity: alert.severity
      enabled: true
      scopes: [workspaceId]
      // The table Usage is written hourly.
      evaluationFrequency: alert.name == 'logVolume' ? 'PT1H' : 'PT5M'
      windowSize: alert.name == 'logVolume' ? 'P1D' : 'PT5M'
      autoMitigate: true
      criteria: {
        allOf: [
          {
            query: alert.query
            metricMeasureColumn: 'value'
            timeAggregation: 'Maximum'
            operator: 'GreaterThan'
            threshold: alert.threshold
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
      actions: { actionGroups: [actionGroupId] }
    }
  }
]

resource test 'Microsoft.Insights/webtests@2022-06-15' = {
  name: '${prefix}-ready'
  location: location
  tags: { ...tags, 'hidden-link:${appInsightsId}': 'Resource' }
  kind: 'standard'
  properties: {
    Name: 'ready'
    SyntheticMonitorId: '${prefix}-ready'
    Kind: 'standard'
    Enabled: true
    Frequency: 300
    Timeout: 30
    RetryEnabled: true
    Locations: [for testLocation in testLocations: { Id: testLocation }]
    Request: { RequestUrl: 'https://${hostName}/health/ready', HttpVerb: 'GET', ParseDependentRequests: false }
    ValidationRules: {
      ExpectedHttpStatusCode: 200
      SSLCheck: true
      SSLCertRemainingLifetimeCheck: 14
    }
  }
}

resource availability 'Microsoft.Insights/metricAlerts@2026-01-01' = {
  name: '${prefix}-availability'
  location: 'global'
  tags: tags
  properties: {
    description: 'At least two of ${length(testLocations)} test locations find the app not ready: it does not answer, or its store does not.'
    severity: 0
    enabled: true
    scopes: [test.id, appInsightsId]
    evaluationFrequency: 'PT1M'
    windowSize: 'PT5M'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.WebtestLocationAvailabilityCriteria'
      webTestId: test.id
      componentId: appInsightsId
      failedLocationCount: 2
    }
    actions: [{ actionGroupId: actionGroupId }]
  }
}

resource storeThrottling 'Microsoft.Insights/metricAlerts@2026-01-01' = {
  name: '${prefix}-storeThrottling'
  location: 'global'
  tags: tags
  properties: {
    description: 'The store throttles: a partition, or the whole store, gets more requests than it can take.'
    severity: 2
    enabled: true
    scopes: [throttling.scope]
    evaluationFrequency: 'PT1M'
    windowSize: 'PT5M'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'throttled'
          metricNamespace: throttling.metricNamespace
          metricName: throttling.metricName
          dimensions: [{ name: throttling.dimension, operator: 'Include', values: throttling.values }]
          timeAggregation: throttling.aggregation
          operator: 'GreaterThan'
          threshold: 10
        }
      ]
    }
    actions: [{ actionGroupId: actionGroupId }]
  }
}

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  // The name must be a GUID; people see the display name.
  name: guid(resourceGroup().id, 'workbook')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'playPromptOperation'
    category: 'workbook'
    version: 'Notebook/1.0'
    sourceId: workspaceId
    serializedData: string(loadJsonContent('../workbook.json'))
  }
}
