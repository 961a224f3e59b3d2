import { existsSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import ts from "typescript";

/**
 * Reads the docstrings of the settings' schema from its source, so that they are written once. What is known of the
 * schema is how it is built: by calls whose first argument is a shape or another schema, and by methods upon them.
 */

/** Docstrings of one value of the schema, and of what is in it. */
export interface DocNode {
  /** Without comment marks, on one line a paragraph; empty where there is none. */
  readonly text: string;
  readonly fields: ReadonlyMap<string, DocNode>;
  /** Of a union: one for each of its options, in their order. */
  readonly branches: readonly DocNode[];
}

const NOTHING: DocNode = { text: "", fields: new Map(), branches: [] };

interface Place {
  readonly file: string;
  readonly expression: ts.Expression;
  readonly text: string;
}

/**
 * @param file path of the source
 * @param name of the constant that holds the schema
 * @throws when there is no such constant
 */
export function docstringsOf(file: string, name: string): DocNode {
  const reader = new Reader();
  const place = reader.constant(resolve(file), name);
  if (place === undefined) throw new Error(`${file} declares no ${name}`);
  return reader.node(place);
}

class Reader {
  private readonly sources = new Map<string, ts.SourceFile>();

  node({ file, expression, text }: Place): DocNode {
    const inner = this.inside(file, expression);
    return { ...inner, text: text === "" ? inner.text : text };
  }

  /** A constant of a file, or of the file that it is imported from. */
  constant(file: string, name: string): Place | undefined {
    for (const statement of this.source(file).statements) {
      if (ts.isVariableStatement(statement)) {
        const found = statement.declarationList.declarations.find(({ name: own }) => own.getText() === name);
        if (found?.initializer) return { file, expression: found.initializer, text: textOf(statement) };
      }
      const imported = ts.isImportDeclaration(statement) ? importOf(statement, name) : undefined;
      if (imported?.from.startsWith(".") === true) {
        const path = `${resolve(dirname(file), imported.from)}.ts`;
        return existsSync(path) ? this.constant(path, imported.name) : undefined;
      }
    }
    return undefined;
  }

  private inside(file: string, expression: ts.Expression): DocNode {
    if (
      ts.isAsExpression(expression) ||
      ts.isParenthesizedExpression(expression) ||
      ts.isSatisfiesExpression(expression)
    ) {
      return this.inside(file, expression.expression);
    }
    if (ts.isObjectLiteralExpression(expression)) return { ...NOTHING, fields: this.fields(file, expression) };
    if (ts.isIdentifier(expression)) {
      const place = this.constant(file, expression.text);
      return place === undefined ? NOTHING : this.node(place);
    }
    if (!ts.isCallExpression(expression)) return NOTHING;
    const { expression: called, arguments: given } = expression;
    // `.default(...)`, `.optional()`, `.refine(...)`: what it is called upon holds the fields.
    if (ts.isPropertyAccessExpression(called) && called.expression.getText() !== "z") {
      return this.inside(file, called.expression);
    }
    const list = given.find((argument) => ts.isArrayLiteralExpression(argument));
    if (list !== undefined && /[uU]nion$/.test(called.getText())) {
      const branches = list.elements.map((element) => this.node({ file, expression: element, text: textOf(element) }));
      return { ...NOTHING, branches };
    }
    const [first] = given;
    return first === undefined ? NOTHING : { ...this.inside(file, first), text: "" };
  }

  private fields(file: string, shape: ts.ObjectLiteralExpression): ReadonlyMap<string, DocNode> {
    const fields = new Map<string, DocNode>();
    for (const property of shape.properties) {
      if (ts.isSpreadAssignment(property)) {
        for (const [name, node] of this.inside(file, property.expression).fields) fields.set(name, node);
      } else if (ts.isShorthandPropertyAssignment(property)) {
        fields.set(property.name.text, this.node({ file, expression: property.name, text: textOf(property) }));
      } else if (ts.isPropertyAssignment(property)) {
        const name = ts.isStringLiteral(property.name) ? property.name.text : property.name.getText();
        fields.set(name, this.node({ file, expression: property.initializer, text: textOf(property) }));
      }
    }
    return fields;
  }

  private source(file: string): ts.SourceFile {
    const known = this.sources.get(file);
    if (known) return known;
    const source = ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.ES2022, true);
    this.sources.set(file, source);
    return source;
  }
}

function importOf(statement: ts.ImportDeclaration, name: string): { from: string; name: string } | undefined {
  const bindings = statement.importClause?.namedBindings;
  if (bindings === undefined || !ts.isNamedImports(bindings) || !ts.isStringLiteral(statement.moduleSpecifier)) {
    return undefined;
  }
  const found = bindings.elements.find((element) => element.name.text === name);
  return found && { from: statement.moduleSpecifier.text, name: (found.propertyName ?? found.name).text };
}

/** The docstring right before a node: one that a blank line parts from it belongs to something else. */
function textOf(node: ts.Node): string {
  const source = node.getSourceFile().text;
  const [last] = (ts.getLeadingCommentRanges(source, node.getFullStart()) ?? []).slice(-1);
  if (last === undefined || /\n\s*\n/.test(source.slice(last.end, node.getStart()))) return "";
  const comment = source.slice(last.pos, last.end);
  if (!comment.startsWith("/**")) return "";
  const lines = comment.slice(3, -2).split("\n");
  const [first = "", ...rest] = lines;
  const paragraphs = [first, ...rest.map((line) => line.replace(/^\s*\* ?/, ""))]
    .join("\n")
    .trim()
    .split(/\n\s*\n/);
  return paragraphs.map((paragraph) => paragraph.replace(/\s*\n\s*/g, " ").trim()).join("\n\n");
}
