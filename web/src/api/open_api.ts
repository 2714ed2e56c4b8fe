/** What the page needs of an OpenAPI 3 document; anything else in it is left alone. */

export interface Operation {
  method: string; // "GET"
  path: string; // with {placeholders}
  summary: string;
  parameters: { name: string; where: 'path' | 'query'; required: boolean; description: string; example: string }[];
  /** Media type and example of the body; absent for none. */
  body?: { type: string; example: string };
}

type Tree = Record<string, unknown>;

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value);
const treeOf = (value: unknown): Tree => (isTree(value) ? value : {});
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** Follows `{"$ref": "#/a/b"}` inside the document, a few steps at most. */
function resolve(document: Tree, value: unknown): Tree {
  let found = treeOf(value);
  for (let step = 0; step < 8 && typeof found.$ref === 'string' && found.$ref.startsWith('#/'); ++step) {
    let target: unknown = document;
    for (const part of found.$ref.slice(2).split('/')) target = treeOf(target)[part.replaceAll('~1', '/').replaceAll('~0', '~')];
    found = treeOf(target);
  }
  return found;
}

function exampleOf(document: Tree, media: Tree): string {
  const first = Object.values(treeOf(media.examples))[0];
  const schema = resolve(document, media.schema);
  const example = media.example ?? resolve(document, first).value ?? schema.example ?? listOf(schema.examples)[0];
  if (example === undefined) return '';
  return typeof example === 'string' ? example : JSON.stringify(example, null, 2);
}

export function operationsOf(value: unknown): Operation[] {
  const document = treeOf(value);
  const operations: Operation[] = [];
  for (const [path, rawItem] of Object.entries(treeOf(document.paths))) {
    const item = treeOf(rawItem);
    for (const method of METHODS) {
      if (!isTree(item[method])) continue;
      const raw = item[method];
      const parameters = [...listOf(item.parameters), ...listOf(raw.parameters)]
        .map((each) => resolve(document, each))
        .filter((each) => each.in === 'path' || each.in === 'query')
        .map((each) => ({
          name: textOf(each.name),
          where: each.in as 'path' | 'query',
          required: each.required === true,
          description: textOf(each.description),
          example: each.example === undefined ? '' : String(each.example),
        }));
      const operation: Operation = { method: method.toUpperCase(), path, summary: textOf(raw.summary), parameters };
      const content = Object.entries(treeOf(resolve(document, raw.requestBody).content))[0];
      if (content) operation.body = { type: content[0], example: exampleOf(document, treeOf(content[1])) };
      operations.push(operation);
    }
  }
  return operations;
}

/** The path and query of a request; placeholders and values encoded. */
export function requestPath(operation: Operation, values: Record<string, string>): string {
  let path = operation.path;
  const query = new URLSearchParams();
  for (const { name, where } of operation.parameters) {
    const value = values[name] ?? '';
    if (where === 'path') path = path.replace(`{${name}}`, encodeURIComponent(value));
    else if (value !== '') query.append(name, value);
  }
  const text = query.toString();
  return path + (text && `?${text}`);
}
