using 'main.bicep'

param environmentName = 'production'
param settings = {
  AUTH_TENANTS: readEnvironmentVariable('AUTH_TENANTS')
  AUTH_AUDIENCES: readEnvironmentVariable('AUTH_AUDIENCES')
  RETENTION_DAYS: readEnvironmentVariable('RETENTION_DAYS', '')
}
param alertEmails = filter(split(readEnvironmentVariable('ALERT_EMAILS', ''), ','), address => !empty(address))

param zoneRedundant = true
param privateNetwork = true
param alwaysReady = 2
param maximumInstanceCount = 1000
param logRetentionDays = 90
param traceRatio = '0.05'
param lock = true
param monthlyBudget = int(readEnvironmentVariable('MONTHLY_BUDGET', '1000'))
