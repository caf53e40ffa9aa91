// The lock, the budget and the workflows' identities of a resource group. Only an owner can write the lock and the roles.

import { roles, Tags } from '../types.bicep'

@description('A monthly budget.')
type Budget = {
  @description('Amount in the billing currency.')
  amount: int

  @description('First day of the first month.')
  start: string
}

@description('Region of the identities.')
param location string

@description('What the names of the resources share.')
param prefix string

@description('Name of the environment on GitHub.')
param environmentName string

@description('The repository on GitHub, as its OIDC tokens name it.')
param repository string

@description('Whether a lock protects the resource group from deletion.')
param lock bool

@description('The budget, if any.')
param budget Budget?

@description('E-mail addresses that the budget notifies, besides the owners.')
param alertEmails string[]

@description('Tags of the identities.')
param tags Tags

var builtIn = {
  contributor: 'b24988ac-6180-42a0-ab88-20f7382dd24c'
  roleBasedAccessControlAdministrator: 'f58310d9-a9f6-439a-9e8d-f62e7b41a168'
}
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

// One identity for each environment, which trusts the tokens of that environment's jobs only: a job of staging has no
// rights in production. https://docs.github.com/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-azure
resource deployer 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-${prefix}-deploy'
  location: location
  tags: tags

  resource github 'federatedIdentityCredentials' = {
    name: 'github'
    properties: {
      issuer: 'https://token.actions.githubusercontent.com'
      subject: 'repo:${repository}:environment:${environmentName}'
      audiences: ['api://AzureADTokenExchange']
    }
  }
}

resource whatIf 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-${prefix}-whatif'
  location: location
  tags: tags

  resource github 'federatedIdentityCredentials' = {
    name: 'github'
    properties: {
      issuer: 'https://token.actions.githubusercontent.com'
      subject: 'repo:${repository}:pull_request'
      audiences: ['api://AzureADTokenExchange']
    }
  }
}

resource contributor 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(resourceGroup().id, deployer.name, builtIn.contributor)
  properties: {
    principalId: deployer.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', builtIn.contributor)
  }
}

// It may assign the roles of the app's identity and no others, and to service principals only.
// https://learn.microsoft.com/azure/role-based-access-control/delegate-role-assignments-examples
resource roleAdministrator 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(resourceGroup().id, deployer.name, builtIn.roleBasedAccessControlAdministrator)
  properties: {
    principalId: deployer.properties.principalId
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
          '*/read'
          'Microsoft.Resources/deployments/whatIf/action'
          'Microsoft.Resources/deployments/validate/action'
        ]
      }
    ]
    assignableScopes: [resourceGroup().id]
  }
}

resource whatIfAssignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(resourceGroup().id, whatIf.name, whatIfRole.name)
  properties: {
    principalId: whatIf.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: whatIfRole.id
  }
}

@description('Client id of the identity that deploys.')
output deployClientId string = deployer.properties.clientId

@description('Object id of the identity that deploys.')
output deployPrincipalId string = deployer.properties.principalId

@description('Client id of the identity that asks what would change.')
output whatIfClientId string = whatIf.properties.clientId
