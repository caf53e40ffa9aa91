// The lock, the budget, the alert on Azure itself and the workflows' roles of a resource group. Only an owner can write them.

import { roles, Tags } from '../types.bicep'

@description('A monthly budget.')
type Budget = {
  @description('Amount in the billing currency.')
  amount: int

  @description('First day of the first month.')
  start: string
}

@description('What the names of the resources share.')
param prefix string

@description('Object id of the identity that deploys.')
param deployPrincipalId string

@description('Object id of the identity that asks what would change.')
param whatIfPrincipalId string

@description('Whether a lock protects the resource group from deletion.')
param lock bool

@description('The budget, if any.')
param budget Budget?

@description('E-mail addresses that the budget and the alert on Azure itself notify.')
param alertEmails string[]

@description('Tags of the resources.')
param tags Tags

var builtIn = {
  contributor: 'b24988ac-6180-42a0-ab88-20f7382dd24c'
  roleBasedAccessControlAdministrator: 'f58310d9-a9f6-439a-9e8d-f62e7b41a168'
}
// The types of resources that main.bicep deploys, and no others: the logs stay closed.
var whatIfReads = [
  'Microsoft.Authorization/roleAssignments'
  'Microsoft.DocumentDB/databaseAccounts'
  'Microsoft.DocumentDB/databaseAccounts/tableRoleAssignments'
  'Microsoft.DocumentDB/databaseAccounts/tables'
  'Microsoft.Insights/actionGroups'
  'Microsoft.Insights/components'
  'Microsoft.Insights/metricAlerts'
  'Microsoft.Insights/scheduledQueryRules'
  'Microsoft.Insights/webtests'
  'Microsoft.Insights/workbooks'
  'Microsoft.ManagedIdentity/userAssignedIdentities'
  'Microsoft.Network/networkSecurityGroups'
  'Microsoft.Network/privateDnsZones'
  'Microsoft.Network/privateDnsZones/virtualNetworkLinks'
  'Microsoft.Network/privateEndpoints'
  'Microsoft.Network/privateEndpoints/privateDnsZoneGroups'
  'Microsoft.Network/virtualNetworks'
  'Microsoft.Network/virtualNetworks/subnets'
  'Microsoft.OperationalInsights/workspaces'
  'Microsoft.Storage/storageAccounts'
  'Microsoft.Storage/storageAccounts/blobServices'
  'Microsoft.Storage/storageAccounts/blobServices/containers'
  'Microsoft.Storage/storageAccounts/tableServices'
  'Microsoft.Storage/storageAccounts/tableServices/tables'
  'Microsoft.Web/serverfarms'
  'Microsoft.Web/sites'
  'Microsoft.Web/sites/basicPublishingCredentialsPolicies'
  'Microsoft.Web/sites/config'
]
var assignable = join(map(items(roles), role => role.value), ', ')

// Writing it takes Owner, User Access Administrator or Locks Contributor. ARM then no longer prunes the history of
// deployments, of which a group holds 800: so each deployment reuses its name.
// https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources
resource groupLock 'Microsoft.Authorization/locks@2020-05-01' = if (lock) {
  name: 'noDelete'
  properties: { level: 'CanNotDelete', notes: 'Holds the operations of playPromptOperation.' }
}

// https://learn.microsoft.com/azure/cost-management-billing/costs/quick-create-budget-bicep
resource monthly 'Microsoft.Consumption/budgets@2026-06-01' = if (budget != null) {
  name: 'monthly'
  properties: {
    category: 'Cost'
    amount: budget!.amount
    timeGrain: 'Monthly'
    timePeriod: { startDate: budget!.start }
    notifications: toObject(
      [{ type: 'Actual', threshold: 80 }, { type: 'Forecasted', threshold: 100 }],
      each => toLower(each.type),
      each => {
        enabled: true
        operator: 'GreaterThan'
        threshold: each.threshold
        thresholdType: each.type
        contactEmails: alertEmails
        contactRoles: ['Owner']
      }
    )
  }
}

// Its scope is the subscription, which the identity that deploys must not read. Every service and region counts: Azure's
// names of the services that the app relies on are not published as a list, and a wrong one would silence the alert.
// https://learn.microsoft.com/azure/service-health/alerts-activity-log-service-notifications-bicep
resource serviceHealth 'Microsoft.Insights/activityLogAlerts@2026-01-01' = if (!empty(alertEmails)) {
  name: '${prefix}-serviceHealth'
  location: 'global'
  tags: tags
  properties: {
    description: 'Azure has an incident, or asks for something to be done.'
    enabled: true
    scopes: [subscription().id]
    condition: {
      allOf: [
        { field: 'category', equals: 'ServiceHealth' }
        {
          anyOf: [
            for type in ['Incident', 'ActionRequired', 'Security']: { field: 'properties.incidentType', equals: type }
          ]
        }
      ]
    }
    actions: { actionGroups: [{ actionGroupId: owners.id }] }
  }
}

resource owners 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(alertEmails)) {
  name: 'ag-${prefix}-azure'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'azure'
    enabled: true
    emailReceivers: [for email in alertEmails: { name: email, emailAddress: email, useCommonAlertSchema: true }]
  }
}

resource contributor 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(resourceGroup().id, deployPrincipalId, builtIn.contributor)
  properties: {
    principalId: deployPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', builtIn.contributor)
  }
}

// It may assign the roles of the app's identity and no others, and to service principals only.
// https://learn.microsoft.com/azure/role-based-access-control/delegate-role-assignments-examples
resource roleAdministrator 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(resourceGroup().id, deployPrincipalId, builtIn.roleBasedAccessControlAdministrator)
  properties: {
    principalId: deployPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      builtIn.roleBasedAccessControlAdministrator
    )
    conditionVersion: '2.0'
    condition: join(
      map(
        [{ action: 'write', source: 'Request' }, { action: 'delete', source: 'Resource' }],
        rule =>
          '((!(ActionMatches{\'Microsoft.Authorization/roleAssignments/${rule.action}\'})) OR (@${rule.source}[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {${assignable}} AND @${rule.source}[Microsoft.Authorization/roleAssignments:PrincipalType] ForAnyOfAnyValues:StringEqualsIgnoreCase {\'ServicePrincipal\'}))'
      ),
      ' AND '
    )
  }
}

resource whatIfRole 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'whatIf')
  properties: {
    // Unique in the tenant, which may have this environment in several subscriptions.
    roleName: '${prefix} what-if ${uniqueString(resourceGroup().id)}'
    description: 'Reads the resource group and asks what a deployment would change.'
    type: 'customRole'
    permissions: [
      {
        actions: [
          ...map(whatIfReads, type => '${type}/read')
          'Microsoft.Resources/deployments/read'
          'Microsoft.Resources/deployments/whatIf/action'
          'Microsoft.Resources/deployments/validate/action'
          'Microsoft.Resources/subscriptions/resourceGroups/read'
        ]
      }
    ]
    assignableScopes: [resourceGroup().id]
  }
}

resource whatIfAssignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(resourceGroup().id, whatIfPrincipalId, whatIfRole.name)
  properties: {
    principalId: whatIfPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: whatIfRole.id
  }
}
