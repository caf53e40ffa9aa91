using 'main.bicep'

param environmentName = 'production'
param settings = {
  AUTH_TENANTS: readEnvironmentVariable('AUTH_TENANTS')
  AUTH_AUDIENCES: readEnvironmentVariable('AUTH_AUDIENCES')
  RETENTION_DAYS: readEnvironmentVariable('RETENTION_DAYS', '')
  NOTIFICATION_HOSTS: readEnvironmentVariable('NOTIFICATION_HOSTS', '')
}
param alertEmails = filter(split(readEnvironmentVariable('ALERT_EMAILS', ''), ','), address => !empty(trim(address)))

param alwaysReady = 2
param maximumInstanceCount = 1000
param tracePercentage = 1
param logRetentionDays = 90
param logDailyCapGb = 20
