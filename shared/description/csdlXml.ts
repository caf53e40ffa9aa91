import { type Csdl, csdl, EnumMember, NAMESPACE, PropertyPath } from './csdl.ts';
import type { Features } from './features.ts';

/** The same model in OData CSDL XML 4.0. */
export function toCsdlXml(features: Features): string {
  const { [NAMESPACE]: schema, $Reference, $Version } = csdl(features);
  const references = Object.entries($Reference).map(([uri, { $Include }]) => {
    const included = $Include.map((each) => element('edmx:Include', facets(each)));
    return element('edmx:Reference', { Uri: uri.replace(/json$/, 'xml') }, included);
  });
  const members = Object.entries(schema).map(([name, member]) => schemaMember(name, member));
  const services = element('Schema', { xmlns: `${NAMESPACES}/edm`, Namespace: NAMESPACE }, members);
  return `<?xml version="1.0" encoding="utf-8"?>${element(
    'edmx:Edmx',
    { 'xmlns:edmx': `${NAMESPACES}/edmx`, Version: $Version },
    [...references, element('edmx:DataServices', {}, [services])],
  )}`;
}

const NAMESPACES = 'http://docs.oasis-open.org/odata/ns';

type Members = Readonly<Record<string, Csdl>>;

/** A type, or the entity container. */
function schemaMember(name: string, { $Kind, $Key, ...member }: Members): string {
  const keys = Array.isArray($Key) ? $Key.map((key) => element('PropertyRef', { Name: `${key}` })) : [];
  const children = Object.entries(member).filter(([child]) => /^[^$@]/.test(child));
  return element(`${$Kind}`, { Name: name, ...facets(member) }, [
    ...(keys.length > 0 ? [element('Key', {}, keys)] : []),
    ...children.map(([child, of]) =>
      isObject(of) ? memberOf(child, of) : element('Member', { Name: child, Value: `${of}` }),
    ),
    ...annotations(member),
  ]);
}

/** An entity set, or a property. The defaults differ: CSDL JSON omits Edm.String and a property that is not nullable. */
function memberOf(name: string, { $Collection, $Type = 'Edm.String', ...member }: Members): string {
  if ($Collection) return element('EntitySet', { Name: name, EntityType: `${$Type}` }, annotations(member));
  const { Nullable = 'false', ...rest } = facets(member);
  return element('Property', { Name: name, Type: `${$Type}`, Nullable, ...rest }, annotations(member));
}

/** Members whose names begin with $ are attributes in CSDL XML, without the $. */
const facets = (member: Members): Record<string, string> =>
  Object.fromEntries(
    Object.entries(member).flatMap(([name, value]) => (name.startsWith('$') ? [[name.slice(1), `${value}`]] : [])),
  );

const annotations = (member: Members): string[] =>
  Object.entries(member).flatMap(([term, value]) =>
    term.startsWith('@') ? [valued('Annotation', { Term: term.slice(1) }, value)] : [],
  );

/** An element with the value of an annotation: a constant is an attribute of it, anything else a child. */
function valued(name: string, attributes: Record<string, string>, value: Csdl): string {
  const kinds = { boolean: 'Bool', number: 'Int', string: 'String' } as const;
  if (typeof value === 'object') return element(name, attributes, [expression(value)]);
  return element(name, { ...attributes, [kinds[typeof value as keyof typeof kinds]]: `${value}` });
}

function expression(value: Csdl): string {
  if (value instanceof PropertyPath) return `<PropertyPath>${escaped(value.path)}</PropertyPath>`;
  if (value instanceof EnumMember) return `<EnumMember>${escaped(`${value.type}/${value.name}`)}</EnumMember>`;
  if (Array.isArray(value)) return element('Collection', {}, value.map(expression));
  if (!isObject(value)) return `<String>${escaped(`${value}`)}</String>`;
  const values = Object.entries(value).filter(([name]) => !name.startsWith('@'));
  return element('Record', {}, [
    ...values.map(([name, each]) => valued('PropertyValue', { Property: name }, each)),
    ...annotations(value),
  ]);
}

const isObject = (value: Csdl): value is Members => typeof value === 'object' && !Array.isArray(value);

function element(name: string, attributes: Readonly<Record<string, string>>, children: readonly string[] = []): string {
  const written = Object.entries(attributes).map(([attribute, value]) => ` ${attribute}="${escaped(value)}"`);
  return `<${name}${written.join('')}${children.length > 0 ? `>${children.join('')}</${name}>` : '/>'}`;
}

const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
