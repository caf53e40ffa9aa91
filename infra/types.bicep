// Types, functions and constants that more than one file uses.

@export()
@description('Tags of a resource.')
type Tags = {
  @description('Value of the tag.')
  *: string
}

@export()
@sealed()
@description('Settings of the app that a deployment chooses, under their names as environment variables (docs/settings.md). The template sets the others itself.')
type Settings = {
  @description('Tenant ids (GUIDs), comma-separated.')
  AUTH_TENANTS: string

  @minLength(1)
  @description('Accepted audiences, comma-separated.')
  AUTH_AUDIENCES: string

  @description('Base URL of the token issuer.')
  AUTH_AUTHORITY: string?

  @description('App roles, any of which permits an application, comma-separated.')
  AUTH_APP_ROLES: string?

  @description('Scopes, any of which permits a user, comma-separated.')
  AUTH_SCOPES: string?

  @description('Issuer of version 1.0 tokens.')
  AUTH_V1_ISSUER: string?

  @description('Signature algorithms of access tokens, asymmetric only, comma-separated.')
  AUTH_ALGORITHMS: string?

  @description('true: an operation that has ended keeps its status.')
  KEEP_FINAL_STATUS: string?

  @description('Minutes without a change after which operations that have not ended are ended as failed, 1 to 99999.')
  OVERDUE_MINUTES: string?

  @description('Days after which operations that have ended are deleted, 1 to 9999.')
  RETENTION_DAYS: string?

  @description('Web pages to serve, comma-separated: board, docs.')
  PAGES: string?

  @description('URL of the gateway before the app, with its path and no slash at its end. Every link in a response begins with it, and the smoke test and the availability test go through it.')
  PUBLIC_URL: string?

  @description('Hosts that may receive change notifications, comma-separated; none turns notifications off.')
  NOTIFICATION_HOSTS: string?

  @description('URL of an OpenTelemetry collector (OTLP over HTTP) to export to as well.')
  OTEL_EXPORTER_OTLP_ENDPOINT: string?
}

@export()
@description('A store with a private endpoint.')
type Store = {
  @description('Name of the private endpoint.')
  name: string

  @description('Resource id of the store.')
  id: string

  @description('Subresource of the store: blob, table, or Table of Azure Cosmos DB.')
  groupId: string

  @description('Private DNS zone of that subresource.')
  zone: string

  @description('Resource id of that zone if it exists already.')
  zoneId: string?
}

@export()
@description('Subnets of an existing network, by resource id.')
type Subnets = {
  @description('The subnet that the app sends from: empty, delegated to Microsoft.App/environments, a /27 or larger.')
  app: string

  @description('The subnet of the private endpoints.')
  endpoints: string
}

@export()
@sealed()
@description('Existing private DNS zones, by resource id. Their owner links them to the network.')
type Zones = {
  @description('The zone of blobs.')
  blob: string?

  @description('The zone of tables: of Table Storage, or of Azure Cosmos DB.')
  table: string?
}

@export()
@description('The built-in roles that the template assigns. The deployment identity may assign no others.')
var roles = {
  // The host keeps the package, its keys and the lease of the timer in blobs.
  storageBlobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  storageTableDataContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
  monitoringMetricsPublisher: '3913510d-42f4-4e42-8a64-420c390055eb'
}

@export()
@description('Whether a text consists of the given characters only.')
func hasOnly(text string, characters string) bool =>
  empty(filter(map(range(0, length(text)), at => substring(text, at, 1)), each => !contains(characters, each)))

@export()
@description('Whether a text is a GUID.')
func isGuid(text string) bool =>
  hasOnly(toLower(text), '0123456789abcdef-') && map(split(text, '-'), part => length(part)) == [8, 4, 4, 4, 12]

@export()
@description('Whether a text can be part of the name of every resource.')
func isName(text string) bool =>
  hasOnly(text, 'abcdefghijklmnopqrstuvwxyz0123456789-') && !startsWith(text, '-') && !endsWith(text, '-')
