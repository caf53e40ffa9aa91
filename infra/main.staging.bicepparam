using 'main.bicep'

param environmentName = 'staging'
param settings = {
  AUTH_TENANTS: readEnvironmentVariable('AUTH_TENANTS')
  AUTH_AUDIENCES: readEnvironmentVariable('AUTH_AUDIENCES')
  RETENTION_DAYS: '7'
}
param alertEmails = filter(split(readEnvironmentVariable('ALERT_EMAILS', ''), ','), address => !empty(address))

// Enough to try everything, and all that happens in the log.
param maximumInstanceCount = 40
param logStoreRequests = true
param logDailyCapGb = 1
