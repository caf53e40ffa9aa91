// A private address of one store in the network, and the zone of DNS by which the store's usual name means it there.

import { Tags } from '../types.bicep'

@description('Region of the endpoint.')
param location string

@description('Name of the private endpoint.')
param name string

@description('Resource id of the store.')
param storeId string

@description('Which service of the store: blob or table of a storage account, Table of an Azure Cosmos DB account.')
param groupId string

@description('Name of the private DNS zone of that service.')
param zoneName string

@description('Resource id of the virtual network.')
param networkId string

@description('Resource id of the subnet that the endpoint has its address in.')
param subnetId string

@description('Tags of the endpoint and the zone.')
param tags Tags

resource zone 'Microsoft.Network/privateDnsZones@2024-06-01' = {
  name: zoneName
  location: 'global'
  tags: tags

  resource link 'virtualNetworkLinks' = {
    name: 'network'
    location: 'global'
    tags: tags
    properties: {
      registrationEnabled: false
      virtualNetwork: { id: networkId }
    }
  }
}

resource endpoint 'Microsoft.Network/privateEndpoints@2025-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    subnet: { id: subnetId }
    privateLinkServiceConnections: [
      {
        name: groupId
        properties: {
          privateLinkServiceId: storeId
          groupIds: [groupId]
        }
      }
    ]
  }

  resource zones 'privateDnsZoneGroups' = {
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [
        {
          name: groupId
          properties: { privateDnsZoneId: zone.id }
        }
      ]
    }
  }
}
