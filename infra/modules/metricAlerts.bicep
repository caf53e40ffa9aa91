// Alerts on what the platform measures: whether the app answers from outside, and whether its store holds it back.

import { Tags } from '../types.bicep'

@description('Region of the availability test.')
param location string

@description('What the names of the alerts begin with.')
param prefix string

@description('Resource id of Application Insights.')
param appInsightsId string

@description('Host name of the app.')
param hostName string

@description('Which store the operations are in.')
param tableStore 'storage' | 'cosmos'

@description('Resource id of that store.')
param storeId string

@description('Resource id of the action group that is told.')
param actionGroupId string

@description('Tags of the alerts.')
param tags Tags

var places = ['emea-nl-ams-azr', 'emea-gb-db3-azr', 'us-va-ash-azr', 'us-ca-sjc-azr', 'apac-sg-sin-azr']

var throttling = {
  storage: {
    scope: '${storeId}/tableServices/default'
    metricNamespace: 'Microsoft.Storage/storageAccounts/tableServices'
    metricName: 'Transactions'
    dimension: 'ResponseType'
    values: ['ServerBusyError', 'ServerTimeoutError', 'ClientThrottlingError', 'SuccessWithThrottling']
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

resource test 'Microsoft.Insights/webtests@2022-06-15' = {
  name: '${prefix}-live'
  location: location
  tags: { ...tags, 'hidden-link:${appInsightsId}': 'Resource' }
  kind: 'standard'
  properties: {
    Name: 'live'
    SyntheticMonitorId: '${prefix}-live'
    Kind: 'standard'
    Enabled: true
    Frequency: 300
    Timeout: 30
    RetryEnabled: true
    Locations: [for place in places: { Id: place }]
    Request: { RequestUrl: 'https://${hostName}/health/live', HttpVerb: 'GET', ParseDependentRequests: false }
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
    description: 'The app does not answer in at least two of ${length(places)} places.'
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
    description: 'The store holds requests back: more come than one partition, or the whole store, can take.'
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
