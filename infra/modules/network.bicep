// The virtual network of the app, or subnets of an existing one, and a private endpoint for each store: the stores have no
// public endpoint.

import { Store, Subnets, Tags } from '../types.bicep'

@description('Region of the network.')
param location string

@description('What the names of the resources share.')
param prefix string

@description('Address space of the network, a /23 or larger: a /24 for the app and a /24 for private endpoints.')
param addressPrefix string

@description('Resource id of the NAT gateway of the subnet of the app.')
param natGatewayId string?

@description('Subnets of an existing network, instead of a network of its own.')
param subnets Subnets?

@description('The stores.')
param stores Store[]

@description('Tags of the resources.')
param tags Tags

var isOwn = subnets == null
var appPrefix = cidrSubnet(addressPrefix, 24, 0)

// It has no property `subnets`: with it, each deployment would delete those that others have added.
// https://learn.microsoft.com/azure/azure-resource-manager/bicep/scenarios-virtual-networks
// A what-if shows them as deleted nevertheless: https://github.com/Azure/arm-template-whatif/issues/393
resource network 'Microsoft.Network/virtualNetworks@2025-05-01' = if (isOwn) {
  name: 'vnet-${prefix}'
  location: location
  tags: tags
  properties: { addressSpace: { addressPrefixes: [addressPrefix] } }

  resource app 'subnets' = if (isOwn) {
    name: 'app'
    properties: {
      addressPrefix: appPrefix
      networkSecurityGroup: { id: appGroup.id }
      natGateway: natGatewayId == null ? null : { id: natGatewayId! }
      // Flex Consumption takes a subnet with this delegation and without service endpoints:
      // https://learn.microsoft.com/azure/azure-functions/flex-consumption-how-to#enable-virtual-network-integration
      delegations: [{ name: 'flexConsumption', properties: { serviceName: 'Microsoft.App/environments' } }]
    }
  }

  resource endpoints 'subnets' = if (isOwn) {
    name: 'endpoints'
    properties: {
      addressPrefix: cidrSubnet(addressPrefix, 24, 1)
      networkSecurityGroup: { id: endpointGroup.id }
      // Without this a network security group does not apply to private endpoints:
      // https://learn.microsoft.com/azure/private-link/disable-private-endpoint-network-policy
      privateEndpointNetworkPolicies: 'NetworkSecurityGroupEnabled'
      defaultOutboundAccess: false
    }
    // Azure changes one subnet of a network at a time.
    dependsOn: [network::app]
  }
}

// The rules that Azure gives every group, which admit nothing from outside the network.
resource appGroup 'Microsoft.Network/networkSecurityGroups@2025-05-01' = if (isOwn) {
  name: 'nsg-app-${prefix}'
  location: location
  tags: tags
}

resource endpointGroup 'Microsoft.Network/networkSecurityGroups@2025-05-01' = if (isOwn) {
  name: 'nsg-endpoints-${prefix}'
  location: location
  tags: tags
  properties: {
    securityRules: [
      for (rule, index) in [
        { name: 'app', access: 'Allow', protocol: 'Tcp', from: appPrefix, port: '443' }
        { name: 'others', access: 'Deny', protocol: '*', from: '*', port: '*' }
      ]: {
        name: rule.name
        properties: {
          direction: 'Inbound'
          access: rule.access
          priority: 100 + index
          protocol: rule.protocol
          sourceAddressPrefix: rule.from
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: rule.port
        }
      }
    ]
  }
}

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for store in stores: if (store.?zoneId == null) { name: store.zone, location: 'global', tags: tags }
]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (store, index) in stores: if (store.?zoneId == null) {
    parent: zones[index]
    name: 'network'
    location: 'global'
    tags: tags
    properties: {
      registrationEnabled: false
      virtualNetwork: { id: split(subnets.?app ?? network::app.id, '/subnets/')[0] }
    }
  }
]

resource endpoints 'Microsoft.Network/privateEndpoints@2025-05-01' = [
  for store in stores: {
    name: 'pe-${store.name}-${prefix}'
    location: location
    tags: tags
    properties: {
      subnet: { id: subnets.?endpoints ?? network::endpoints.id }
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
      privateDnsZoneConfigs: [
        { name: store.groupId, properties: { privateDnsZoneId: store.?zoneId ?? zones[index].id } }
      ]
    }
  }
]

@description('Resource id of the subnet of the app. It is available once the private endpoints are.')
output appSubnetId string = subnets.?app ?? network::app.id
