// Types that more than one module takes.

@export()
@description('Names and values by which resources are found and paid for.')
type Tags = {
  @description('Name and value.')
  *: string
}

@export()
@sealed()
@description('The settings of the app that a deployment chooses, by the names under which the app reads them; docs/settings.md says what they mean. Where the tables are and who asks for them is set by the template itself.')
type Settings = {
  @minLength(36)
  @description('Tenants whose tokens are accepted, comma-separated.')
  AUTH_TENANTS: string

  @minLength(1)
  @description('Audiences that are accepted, comma-separated.')
  AUTH_AUDIENCES: string

  @description('Base address of the token issuer.')
  AUTH_AUTHORITY: string?

  @description('App roles, any of which admits an application, comma-separated.')
  AUTH_APP_ROLES: string?

  @description('Scopes, any of which admits a user, comma-separated.')
  AUTH_SCOPES: string?

  @description('Issuer of version 1.0 tokens.')
  AUTH_V1_ISSUER: string?

  @description('Signature algorithms that are accepted, comma-separated.')
  AUTH_ALGORITHMS: string?

  @description('Name of the table, which is created.')
  TABLES_NAME: string?

  @description('Days after which operations that ended are deleted.')
  RETENTION_DAYS: string?

  @description('Pages for people, off by default: board, docs, comma-separated.')
  PAGES: string?

  @description('Address of a collector that is told too what the app does, by OTLP over HTTP.')
  OTEL_EXPORTER_OTLP_ENDPOINT: string?
}
