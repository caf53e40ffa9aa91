// Alerts on what the app and the host answer, on timers, on instances, on logs, on the store, and on whether the app is
// ready at all; and the workbook that shows the same. docs/runbook.md says what to do.

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

@description('URL of the service.')
param url string

@description('Where operations are stored.')
param tableStore 'storage' | 'cosmos'

@description('Resource id of that store.')
param storeId string

@description('Gigabytes of logs per day, after which ingestion stops for that day.')
param dailyCapGb int

@description('Maximum number of instances of the app.')
param maximumInstanceCount int

@description('Whether the app sends change notifications, and so has a timer that runs every minute.')
param notifies bool

@description('Whether the app ends operations that are overdue.')
param endsOverdue bool

@description('Tags of the resources.')
param tags Tags

// App and host count their responses themselves, none left out; both stand in the host's count. A percentage of fewer than
// 50 responses means nothing. AppRequests are sampled: one row stands for ItemCount requests.
var responses = 'AppMetrics | where Name == "playpromptoperation.request.duration" | extend status = toint(Properties["http.response.status_code"]) | where tostring(Properties["http.route"]) !startswith "health/"'
var ofHost = 'AppMetrics | where Name in ("http.server.request.duration", "playpromptoperation.request.duration") | extend status = toint(Properties["http.response.status_code"]), responses = iff(Name startswith "http.", ItemCount, -1 * ItemCount)'
var percentage = 'where total >= 50 | project value = 100.0 * counted / total'
var runs = 'AppMetrics | where Name == "playpromptoperation.outbox.oldest"'

var queryAlerts = [
  {
    name: 'appErrors'
    severity: 1
    description: 'The app answers more than 1 % of requests with a 5xx.'
    query: '${responses} | summarize total = sum(ItemCount), counted = sumif(ItemCount, status >= 500) | ${percentage}'
    threshold: 1
  }
  {
    name: 'hostErrors'
    severity: 1
    description: 'The Functions host answers more than 1 % of requests with a 5xx that is not the app’s.'
    query: '${ofHost} | summarize total = sumif(ItemCount, responses > 0), counted = sumif(responses, status >= 500) | ${percentage}'
    threshold: 1
  }
  {
    name: 'hostThrottling'
    severity: 1
    description: 'The Functions host refuses requests with a 429, since an instance has more than it takes at once.'
    query: '${ofHost} | summarize value = sumif(responses, status == 429)'
    threshold: 10
  }
  {
    name: 'latency'
    severity: 2
    description: 'More than 5 % of requests take longer than 500 ms.'
    query: 'AppRequests | where Url !has "/health/" | summarize recorded = count(), value = percentilew(DurationMs, ItemCount, 95) | where recorded >= 50'
    threshold: 500
  }
  {
    name: 'refusedCallers'
    severity: 2
    description: 'More than 10 % of requests lack a valid token or the permission: a client is set up wrongly, or someone is probing.'
    query: '${responses} | summarize total = sum(ItemCount), counted = sumif(ItemCount, status in (401, 403)) | ${percentage}'
    threshold: 10
  }
  {
    name: 'instances'
    severity: 2
    description: 'The app has more than 80 % of the instances that it may have.'
    query: 'AppMetrics | where Name startswith "playpromptoperation." | summarize value = 100.0 * dcount(AppRoleInstance) / ${maximumInstanceCount}'
    threshold: 80
  }
  {
    name: 'logVolume'
    severity: 2
    description: 'The logs of the last day exceed 80 % of the daily cap.'
    query: 'Usage | where IsBillable | summarize value = 100.0 * sum(Quantity) / 1000 / ${dailyCapGb}'
    threshold: 80
    // The table Usage is written hourly.
    every: 'PT1H'
    window: 'P1D'
  }
  {
    name: 'dailyCap'
    severity: 1
    description: 'The daily cap is reached: logs, and the alerts on logs, stop until the next day.'
    // https://learn.microsoft.com/azure/azure-monitor/logs/daily-cap
    query: '_LogOperation | where Category =~ "Ingestion" and Detail has "OverQuota" | summarize value = count()'
    threshold: 0
    every: 'PT15M'
    window: 'PT15M'
  }
  ...(notifies
    ? [
        {
          name: 'notifications'
          severity: 2
          description: 'The oldest change notification has waited for more than 15 minutes.'
          query: '${runs} | summarize value = max(Sum)'
          threshold: 900
        }
        {
          // Each run records that age, also where nothing is to be sent.
          name: 'timer'
          severity: 1
          description: 'The timer that sends change notifications again has not run, or not read the outbox, for more than 5 minutes.'
          query: '${runs} | summarize value = iff(count() == 0, 1, 0)'
          threshold: 0
          // What is late by some minutes in the logs is no fault.
          periods: 2
        }
      ]
    : [])
  ...(endsOverdue
    ? [
        {
          name: 'overdue'
          severity: 2
          description: 'More than 10 operations were ended as overdue: workers fail, or do not reach the service.'
          query: 'AppMetrics | where Name == "playpromptoperation.overdue" | summarize value = sum(Sum)'
          threshold: 10
        }
      ]
    : [])
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
      evaluationFrequency: alert.?every ?? 'PT5M'
      windowSize: alert.?window ?? 'PT5M'
      autoMitigate: true
      // In a new workspace no table exists before its first row does: https://github.com/mspnp/aks-baseline/pull/422
      // The tests check the queries.
      skipQueryValidation: true
      criteria: {
        allOf: [
          {
            query: alert.query
            metricMeasureColumn: 'value'
            timeAggregation: 'Maximum'
            operator: 'GreaterThan'
            threshold: alert.threshold
            failingPeriods: { numberOfEvaluationPeriods: alert.?periods ?? 1, minFailingPeriodsToAlert: alert.?periods ?? 1 }
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
    Request: { RequestUrl: '${url}/health/ready', HttpVerb: 'GET', ParseDependentRequests: false }
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
