// The network that the app reaches its stores through. It is always there: the stores refuse whatever does not come
// out of the app's subnet, and Flex Consumption has no address of its own that they could let in instead.

import { Tags } from '../types.bicep'

@description('Region of the network.')
param location string

@description('Name of the virtual network.')
param name string

@description('Addresses of the network, a /23 or larger: a /24 for the app and a /24 for private endpoints.')
param addressPrefix string

@description('Services that the app reaches by service endpoints; none of them where it has private endpoints.')
param serviceEndpoints string[]

@description('Tags of the network.')
param tags Tags

resource network 'Microsoft.Network/virtualNetworks@2025-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: [addressPrefix] }
    subnets: [
      {
        name: 'app'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 24, 0)
          delegations: [
            {
              name: 'flexConsumption'
              // A subscription knows it once its resource provider Microsoft.App is registered.
              properties: { serviceName: 'Microsoft.App/environments' }
            }
          ]
          serviceEndpoints: [for service in serviceEndpoints: { service: service }]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 24, 1)
          defaultOutboundAccess: false
        }
      }
    ]
  }

  resource app 'subnets' existing = { name: 'app' }
  resource endpoints 'subnets' existing = { name: 'endpoints' }
}

@description('Resource id of the network.')
output id string = network.id

@description('Resource id of the subnet that the app sends from.')
output appSubnetId string = network::app.id

@description('Resource id of the subnet for private endpoints.')
output endpointsSubnetId string = network::endpoints.id
