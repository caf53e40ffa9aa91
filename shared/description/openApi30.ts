import type { openApi } from './openApi.ts';

/**
 * The document in OpenAPI 3.0, for Azure API Management and older tools. 3.0 cannot express which names the members of a
 * body may have.
 */
export function toOpenApi30({ info, components: { schemas, ...components }, ...document }: ReturnType<typeof openApi>) {
  const { summary: _, license, ...rest } = info;
  const url = `https://spdx.org/licenses/${license.identifier}`;
  // 3.0 has no "this schema, or null", so that the schemas of which a value may be null somewhere allow it everywhere.
  const references = JSON.stringify([document, schemas]).matchAll(/"oneOf":\[\{"\$ref":"[^"]+\/(\w+)"\}/g);
  const nullable = new Set(Array.from(references, ([, name]) => name));
  const orNull = ({ type, enum: members, ...schema }: Record<string, unknown>) => ({
    ...schema,
    type: [type, 'null'],
    ...(Array.isArray(members) && { enum: [...members, null] }),
  });
  return {
    ...convertMembers(document),
    openapi: '3.0.3',
    info: { ...rest, license: { name: license.name, url } },
    components: {
      ...convertMembers(components),
      schemas: convertMembers(
        Object.fromEntries(
          Object.entries(schemas).map(([name, schema]) => [name, nullable.has(name) ? orNull(schema) : schema]),
        ),
      ),
    },
  };
}

function convert(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(convert);
  return typeof value === 'object' && value !== null ? convertSchema(convertMembers(value)) : value;
}

/** Examples are values, not descriptions. */
const convertMembers = (object: object) =>
  Object.fromEntries(
    Object.entries(object).map(([name, value]) => [name, name === 'example' ? value : convert(value)]),
  );

/** Nothing in the document but a schema has these members. */
function convertSchema({
  propertyNames: _,
  const: only,
  examples,
  type,
  oneOf,
  $ref,
  ...rest
}: Record<string, unknown>): object {
  const reference = Array.isArray(oneOf) ? oneOf[0] : $ref && { $ref };
  return {
    ...rest,
    ...(Array.isArray(type) ? { type: type[0], nullable: true } : type !== undefined && { type }),
    ...(only !== undefined && { enum: [only] }),
    ...(Array.isArray(examples) && { example: examples[0] }),
    // Nothing may stand beside a reference.
    ...(Object.keys(rest).length > 0 ? reference && { allOf: [reference] } : reference),
  };
}
