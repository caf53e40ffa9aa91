// The right to list the regions of Azure Functions, which is one of the subscription.

targetScope = 'subscription'

@description('What the names of the environment share.')
param prefix string

@description('Object id of the identity that gets the right.')
param principalId string

resource role 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(subscription().id, prefix, 'regions')
  properties: {
    // Unique in the tenant.
    roleName: '${prefix} regions ${uniqueString(subscription().id)}'
    description: 'Lists the regions of Azure Functions.'
    type: 'customRole'
    permissions: [{ actions: ['Microsoft.Web/geoRegions/read'] }]
    assignableScopes: [subscription().id]
  }
}

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(subscription().id, principalId, role.id)
  properties: { principalId: principalId, principalType: 'ServicePrincipal', roleDefinitionId: role.id }
}
