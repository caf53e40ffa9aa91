using 'main.bicep'

param environmentName = 'staging'
param settings = {
  AUTH_TENANTS: readEnvironmentVariable('AUTH_TENANTS')
  AUTH_AUDIENCES: readEnvironmentVariable('AUTH_AUDIENCES')
  KEEP_FINAL_STATUS: readEnvironmentVariable('KEEP_FINAL_STATUS', '')
  OVERDUE_MINUTES: readEnvironmentVariable('OVERDUE_MINUTES', '')
  RETENTION_DAYS: '7'
  NOTIFICATION_HOSTS: readEnvironmentVariable('NOTIFICATION_HOSTS', '')
}
param alertEmails = filter(split(readEnvironmentVariable('ALERT_EMAILS', ''), ','), address => !empty(trim(address)))

// The resources of production, in smaller sizes and in one zone.
param instanceMemoryMB = 512
param maximumInstanceCount = 40
