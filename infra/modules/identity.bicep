// The one identity of the app: for its host's storage, the package it is deployed from, the table and telemetry.

import { Tags } from '../types.bicep'

@description('Region of the identity.')
param location string

@description('Name of the user-assigned managed identity.')
param name string

@description('Tags of the identity.')
param tags Tags

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
}

@description('Resource id of the identity.')
output id string = identity.id

@description('Client id, by which the app asks for tokens.')
output clientId string = identity.properties.clientId

@description('Object id of the service principal, to which roles are given.')
output principalId string = identity.properties.principalId
