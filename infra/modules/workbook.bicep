// Pictures of what the service does; workbook.json has them.

import { Tags } from '../types.bicep'

@description('Region of the workbook.')
param location string

@description('Resource id of the Log Analytics workspace that the pictures are drawn from.')
param workspaceId string

@description('Tags of the workbook.')
param tags Tags

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  // A workbook is named by a GUID; people see its display name.
  name: guid(resourceGroup().id, 'workbook')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'playPromptOperation'
    category: 'workbook'
    version: 'Notebook/1.0'
    sourceId: workspaceId
    serializedData: string(loadJsonContent('workbook.json'))
  }
}
