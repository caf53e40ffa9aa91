/** The members of a comma-separated list, RFC 9110, section 5.6.1; a comma within a quoted string separates nothing. */
export function listMembers(value: string): string[] {
  return value.match(/(?:"(?:[^"\\]|\\.)*"?|[^,"])+/g)?.filter((member) => member.trim() !== '') ?? [];
}
