// The virtual network of the app, and a private endpoint for each store: the stores have no public endpoint.

import { Store, Tags } from '../types.bicep'

@description('Region of the network.')
param location string

@description('What the names of the resources share.')
param prefix string

@description('Address space of the network, a /23 or larger: a /24 for the app and a /24 for private endpoints.')
param addressPrefix string

@description('The stores.')
param stores Store[]

@description('Tags of the resources.')
param tags Tags

resource network 'Microsoft.Network/virtualNetworks@2025-05-01' = {
  name: 'vnet-${prefix}'
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: [addressPrefix] }
    subnets: [
      {
        name: 'app'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 24, 0)
          // Flex Consumption takes a subnet with this delegation and without service endpoints:
          // https://learn.microsoft.com/azure/azure-functions/flex-consumption-how-to#enable-virtual-network-integration
          delegations: [{ name: 'flexConsumption', properties: { serviceName: 'Microsoft.App/environments' } }]
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

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for store in stores: { name: store.zone, location: 'global', tags: tags }
]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (store, index) in stores: {
    parent: zones[index]
    name: 'network'
    location: 'global'
    tags: tags
    properties: { registrationEnabled: false, virtualNetwork: { id: network.id } }
  }
]

resource endpoints 'Microsoft.Network/privateEndpoints@2025-05-01' = [
  for store in stores: {
    name: 'pe-${store.name}-${prefix}'
    location: location
    tags: tags
    properties: {
      subnet: { id: network::endpoints.id }
      privateLinkServiceConnections: [
        { name: store.groupId, properties: { privateLinkServiceId: store.id, groupIds: [store.groupId] } }
      ]
    }
  }
]

resource zoneGroups 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-05-01' = [
  for (store, index) in stores: {
    parent: endpoints[index]
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [{ name: store.groupId, properties: { privateDnsZoneId: zones[index].id } }]
    }
  }
]

@description('Resource id of the subnet of the app. It is available once the private endpoints are.')
output appSubnetId string = network::app.id
