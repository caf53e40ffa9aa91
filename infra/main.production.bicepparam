using 'main.bicep'

param environmentName = 'production'
param settings = {
  AUTH_TENANTS: readEnvironmentVariable('AUTH_TENANTS')
  AUTH_AUDIENCES: readEnvironmentVariable('AUTH_AUDIENCES')
  KEEP_FINAL_STATUS: readEnvironmentVariable('KEEP_FINAL_STATUS', '')
  OVERDUE_MINUTES: readEnvironmentVariable('OVERDUE_MINUTES', '')
  RETENTION_DAYS: readEnvironmentVariable('RETENTION_DAYS', '')
  NOTIFICATION_HOSTS: readEnvironmentVariable('NOTIFICATION_HOSTS', '')
}
param alertEmails = empty(trim(readEnvironmentVariable('ALERT_EMAILS', '')))
  ? fail('ALERT_EMAILS: e-mail addresses, comma-separated; in production somebody must hear of an alert')
  : filter(split(readEnvironmentVariable('ALERT_EMAILS', ''), ','), address => !empty(trim(address)))

// The region must have them: az functionapp list-flexconsumption-locations --zone-redundant=true
param zoneRedundant = true
// 400 GiB of the 500 that all apps of a subscription may use in a region, unless Microsoft raises the quota.
// https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan#regional-subscription-memory-quotas
param maximumInstanceCount = 200
param tracePercentage = 1
param logRetentionDays = 90
param logDailyCapGb = 20
