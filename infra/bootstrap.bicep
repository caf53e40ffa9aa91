// What an owner of the subscription creates once per environment: a resource group with its lock and budget, and the
// identities that GitHub's workflows use there. infra/main.bicep then needs no rights outside the resource group.
//
//   az deployment sub create --name playpromptoperation-staging --location westeurope \
//     --template-file infra/bootstrap.bicep --parameters environmentName=staging repository=contoso/prompts

targetScope = 'subscription'

import { isName, Tags } from 'types.bicep'

@description('Region of the resource group.')
param location string = deployment().location

@minLength(2)
@maxLength(12)
@description('Name of the environment, here and on GitHub: lowercase letters, digits and hyphens.')
param environmentName string

@minLength(3)
@description('The repository on GitHub that deploys, as its OIDC tokens name it: owner/name, or owner@id/name@id where subjects are immutable, which is the rule since June 2026 (docs/deploy.md).')
param repository string

@description('Tags of the resource group and of what is in it.')
param tags Tags = {}

@description('Whether a lock protects the resource group from deletion.')
param lock bool = true

@minValue(1)
@description('What the resource group may cost per month, in the billing currency; no budget if left out.')
param monthlyBudget int?

@minLength(10)
@maxLength(10)
@description('First day of the month in which the budget starts, such as 2026-12-01. Azure refuses to change it later, so it has no default.')
param budgetStart string?

@description('E-mail addresses that hear of the budget and of incidents of Azure itself. A budget needs at least one.')
param alertEmails string[] = []

var faults = [
  ...(isName(environmentName) ? [] : ['environmentName: lowercase letters, digits and hyphens'])
  ...(length(split(repository, '/')) == 2 ? [] : ['repository: owner/name or owner@id/name@id'])
  ...((monthlyBudget == null) == (budgetStart == null) ? [] : ['monthlyBudget and budgetStart: both or neither'])
  ...(monthlyBudget != null && empty(alertEmails) ? ['alertEmails: a budget needs one'] : [])
  ...(endsWith(budgetStart ?? '-01', '-01') ? [] : ['budgetStart: the first day of a month'])
]
var prefix = empty(faults) ? 'playprompt-${environmentName}' : fail(join(faults, '; '))

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: 'rg-${prefix}'
  location: location
  tags: tags
}

// Trusted is one environment only: a job of staging has no rights in production.
module deployer 'modules/workflowIdentity.bicep' = {
  scope: group
  params: {
    location: location
    name: 'id-${prefix}-deploy'
    subject: 'repo:${repository}:environment:${environmentName}'
    tags: tags
  }
}

module whatIf 'modules/workflowIdentity.bicep' = {
  scope: group
  params: {
    location: location
    name: 'id-${prefix}-whatif'
    subject: 'repo:${repository}:pull_request'
    tags: tags
  }
}

module contents 'modules/bootstrapGroup.bicep' = {
  scope: group
  params: {
    prefix: prefix
    deployPrincipalId: deployer.outputs.principalId
    whatIfPrincipalId: whatIf.outputs.principalId
    lock: lock
    budget: monthlyBudget == null ? null : { amount: monthlyBudget!, start: budgetStart! }
    alertEmails: map(alertEmails, address => trim(address))
    tags: tags
  }
}

// Outside of the group it only asks which regions have zones.
module regions 'modules/regionReader.bicep' = {
  params: { prefix: prefix, principalId: deployer.outputs.principalId }
}

@description('Client id of the identity that deploys: AZURE_CLIENT_ID of the environment on GitHub.')
output deployClientId string = deployer.outputs.clientId

@description('Object id of that identity, to which `npm run entra` gives an app role for the smoke test.')
output deployPrincipalId string = deployer.outputs.principalId

@description('Client id of the identity that shows on pull requests what would change.')
output whatIfClientId string = whatIf.outputs.clientId
