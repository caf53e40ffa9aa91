// Alerts on what the app answered, as its telemetry has it: faults, latency, refused callers.

import { Tags } from '../types.bicep'

@description('Region of the alerts.')
param location string

@description('What the names of the alerts begin with.')
param prefix string

@description('Resource id of the Log Analytics workspace.')
param workspaceId string

@description('Resource id of the action group that is told.')
param actionGroupId string

@description('Percentage of answers in five minutes that may be 5xx.')
param serverErrorPercentage int

@description('Milliseconds within which 95 of 100 answers must be given.')
param latencyMs int

@description('Answers in five minutes that may be 401 or 403.')
param refusedRequests int

@description('Tags of the alerts.')
param tags Tags

// Rates of a handful of requests say nothing.
var requests = 'AppRequests | where Url !has "/health/"'
var enough = 'where total >= 50'

var alerts = [
  {
    name: 'serverErrors'
    severity: 1
    description: 'More than ${serverErrorPercentage} % of the answers are 5xx.'
    query: '${requests} | summarize total = sum(ItemCount), failed = sumif(ItemCount, toint(ResultCode) >= 500) | ${enough} | project value = 100.0 * failed / total'
    threshold: serverErrorPercentage
  }
  {
    name: 'latency'
    severity: 2
    description: 'More than 5 of 100 answers take longer than ${latencyMs} ms.'
    query: '${requests} | summarize total = sum(ItemCount), value = percentilew(DurationMs, ItemCount, 95) | ${enough}'
    threshold: latencyMs
  }
  {
    name: 'refusedCallers'
    severity: 2
    description: 'More than ${refusedRequests} requests came without a good token or permission: a client that is set up wrongly, or someone who tries.'
    query: '${requests} | where ResultCode in ("401", "403") | summarize value = sum(ItemCount)'
    threshold: refusedRequests
  }
]

resource rules 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = [
  for alert in alerts: {
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
      evaluationFrequency: 'PT5M'
      windowSize: 'PT5M'
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
