// An identity that jobs of GitHub's workflows use, without a secret.

import { Tags } from '../types.bicep'

@description('Region of the identity.')
param location string

@description('Name of the identity.')
param name string

@description('The only subject whose tokens are trusted: jobs of an environment, or of pull requests, of one repository.')
param subject string

@description('Tags of the identity.')
param tags Tags

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags

  // https://docs.github.com/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-azure
  resource github 'federatedIdentityCredentials' = {
    name: 'github'
    properties: {
      issuer: 'https://token.actions.githubusercontent.com'
      subject: subject
      audiences: ['api://AzureADTokenExchange']
    }
  }
}

@description('Client id of the identity.')
output clientId string = identity.properties.clientId

@description('Object id of the identity.')
output principalId string = identity.properties.principalId
