// What the app's identity may do with storage and telemetry: no more than this, and nowhere else.

@description('Object id of the identity.')
param principalId string

@description('Name of the identity, which the names of its role assignments are made of.')
param identityName string

@description('Name of the storage account of the Functions host.')
param hostAccountName string

@description('Name of the storage account of the operations, where they are not in Azure Cosmos DB.')
param operationsAccountName string?

@description('Name of the table of the operations.')
param tableName string

@description('Name of Application Insights.')
param appInsightsName string

var roles = {
  // The package, and the blobs by which the host of a timer sees that one instance alone runs it.
  storageBlobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  storageTableDataContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
  monitoringMetricsPublisher: '3913510d-42f4-4e42-8a64-420c390055eb'
}

resource hostAccount 'Microsoft.Storage/storageAccounts@2025-08-01' existing = {
  name: hostAccountName
}

resource table 'Microsoft.Storage/storageAccounts/tableServices/tables@2025-08-01' existing = if (operationsAccountName != null) {
  name: '${operationsAccountName}/default/${tableName}'
}

resource appInsights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: appInsightsName
}

resource hostRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(hostAccount.id, identityName, roles.storageBlobDataOwner)
  scope: hostAccount
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageBlobDataOwner)
  }
}

// On the table, not on its account: the app cannot make another one.
resource tableRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (operationsAccountName != null) {
  name: guid(table.id, identityName, roles.storageTableDataContributor)
  scope: table
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles.storageTableDataContributor
    )
  }
}

resource telemetryRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(appInsights.id, identityName, roles.monitoringMetricsPublisher)
  scope: appInsights
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles.monitoringMetricsPublisher
    )
  }
}
