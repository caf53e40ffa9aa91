// What keeps the resource group from being deleted by mistake, and from costing more than was meant unseen.

@description('Whether nothing of the resource group can be deleted.')
param lock bool

@description('What the resource group may cost a month, in the currency of the bill; null for no budget.')
param monthlyBudget int?

@description('First day of the month that the budget begins in, such as 2026-12-01.')
param budgetStart string

@description('Resource id of the action group that is told when the budget is used up.')
param actionGroupId string

// Stops nobody who may also take the lock away, but no one does both by mistake. Rows of tables are not held by it.
resource groupLock 'Microsoft.Authorization/locks@2020-05-01' = if (lock) {
  name: 'noDelete'
  properties: {
    level: 'CanNotDelete'
    notes: 'Holds the operations of playPromptOperation.'
  }
}

resource budget 'Microsoft.Consumption/budgets@2026-06-01' = if (monthlyBudget != null) {
  name: 'monthly'
  properties: {
    category: 'Cost'
    amount: monthlyBudget!
    timeGrain: 'Monthly'
    timePeriod: { startDate: budgetStart }
    notifications: {
      spent: {
        enabled: true
        operator: 'GreaterThan'
        threshold: 80
        thresholdType: 'Actual'
        contactEmails: []
        contactGroups: [actionGroupId]
      }
      forecast: {
        enabled: true
        operator: 'GreaterThan'
        threshold: 100
        thresholdType: 'Forecasted'
        contactEmails: []
        contactGroups: [actionGroupId]
      }
    }
  }
}
