import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { type ObjectSchema, type PropertySchema, type ResourceSchema, type TypeSchema } from "../framework/schema";

/** What an SDK's declarations say of one class and of its arguments. */
type Members = readonly ts.TypeElement[];

/**
 * Reads a Pulumi SDK's declaration files: the arguments of resources become schemas, nested ones too. The files are
 * parsed, not type-checked, since they are generated and of one form; a form not known is an error, never a guess.
 */
export class Declarations {
  private readonly files = new Map<string, ts.SourceFile>();
  private readonly nested = new Map<string, Members>();
  private readonly described = new Map<string, ObjectSchema>();

  /** `folder` is the SDK's, as `node_modules/@pulumi/aws`. */
  constructor(private readonly folder: string) {}

  /** `file` without extension, relative to the SDK's folder, as `lb/listener`; `name` as `Listener`. */
  resource(file: string, name: string): ResourceSchema {
    const args = this.interfaceIn(file, `${name}Args`);
    const outputs = this.classIn(file, name).members.flatMap((member) =>
      ts.isPropertyDeclaration(member) && !isStatic(member) ? [nameOf(member)] : [],
    );
    return { inputs: this.object(args.members), outputs: outputs.sort() };
  }

  /** The arguments of the provider itself. */
  config(): ObjectSchema {
    return this.object(this.interfaceIn("provider", "ProviderArgs").members);
  }

  /** Makes sure that a nested type is among `types`, as `meta.v1.ObjectMeta`. */
  describe(name: string): void {
    if (!this.described.has(name)) {
      // First, for types that hold themselves.
      this.described.set(name, {});
      this.described.set(name, this.object(this.inputMembers(name)));
    }
  }

  /** Every nested type met so far, in the order of their names. */
  types(): Readonly<Record<string, ObjectSchema>> {
    return Object.fromEntries([...this.described].sort(([a], [b]) => compare(a, b)));
  }

  private object(members: Members): ObjectSchema {
    const properties = members.map((member): readonly [string, PropertySchema] => {
      if (!ts.isPropertySignature(member) || member.type === undefined) {
        throw new Error(`${this.folder}: a member of an argument type is no property: ${member.getText()}`);
      }
      const schema = this.type(member.type);
      return [nameOf(member), member.questionToken === undefined ? { ...schema, required: true } : schema];
    });
    return Object.fromEntries([...properties].sort(([a], [b]) => compare(a, b)));
  }

  private type(node: ts.TypeNode): TypeSchema {
    if (ts.isParenthesizedTypeNode(node)) {
      return this.type(node.type);
    }
    if (ts.isArrayTypeNode(node)) {
      return { type: "array", items: this.type(node.elementType) };
    }
    if (ts.isUnionTypeNode(node)) {
      return this.union(node);
    }
    if (ts.isTypeLiteralNode(node)) {
      return this.map(node);
    }
    if (ts.isLiteralTypeNode(node)) {
      return literal(node);
    }
    if (ts.isTypeReferenceNode(node)) {
      return this.reference(node);
    }
    switch (node.kind) {
      case ts.SyntaxKind.StringKeyword:
        return { type: "string" };
      case ts.SyntaxKind.NumberKeyword:
        return { type: "number" };
      case ts.SyntaxKind.BooleanKeyword:
        return { type: "boolean" };
      case ts.SyntaxKind.AnyKeyword:
        return { type: "any" };
      default:
        throw this.unknownForm(node);
    }
  }

  /** `undefined` says what the question mark says already; of equal ones one stays. */
  private union(node: ts.UnionTypeNode): TypeSchema {
    const all = node.types
      .filter((type) => type.kind !== ts.SyntaxKind.UndefinedKeyword)
      .map((type) => this.type(type));
    const different = [...new Map(all.map((schema) => [JSON.stringify(schema), schema])).values()];
    const [first, ...others] = different;
    if (first === undefined) {
      throw this.unknownForm(node);
    }
    return others.length === 0 ? first : { type: "union", of: different };
  }

  /** `{[key: string]: T}`. */
  private map(node: ts.TypeLiteralNode): TypeSchema {
    const [member] = node.members;
    if (node.members.length !== 1 || member === undefined || !ts.isIndexSignatureDeclaration(member)) {
      throw this.unknownForm(node);
    }
    return { type: "map", values: this.type(member.type) };
  }

  private reference(node: ts.TypeReferenceNode): TypeSchema {
    const name = node.typeName.getText();
    const [argument] = node.typeArguments ?? [];
    if (name === "pulumi.Input" && argument !== undefined) {
      return this.type(argument);
    }
    if (name === "pulumi.asset.Asset") {
      return { type: "asset" };
    }
    if (name === "pulumi.asset.Archive") {
      return { type: "archive" };
    }
    if (name.startsWith("inputs.")) {
      const ref = name.slice("inputs.".length);
      this.describe(ref);
      return { type: "object", ref };
    }
    if (name.startsWith("enums.")) {
      return this.enumeration(name.split(".").slice(1));
    }
    // A resource where its name or ARN is wanted: the SDK sends that, a string.
    if (ts.isIdentifier(node.typeName) && this.imports(node).has(name)) {
      return { type: "string" };
    }
    throw this.unknownForm(node);
  }

  /** `export declare const Name: { readonly A: "a"; ... }` in the module's file of enumerations. */
  private enumeration(path: readonly string[]): TypeSchema {
    const name = path.at(-1) ?? "";
    const file = join("types/enums", ...path.slice(0, -1), "index");
    for (const statement of this.file(file).statements) {
      const declared = ts.isVariableStatement(statement) ? statement.declarationList.declarations : [];
      for (const declaration of declared) {
        if (declaration.name.getText() === name && declaration.type && ts.isTypeLiteralNode(declaration.type)) {
          const [first] = declaration.type.members;
          if (first && ts.isPropertySignature(first) && first.type && ts.isLiteralTypeNode(first.type)) {
            return literal(first.type);
          }
        }
      }
    }
    throw new Error(`${this.folder}/${file}.d.ts: no enumeration ${name}`);
  }

  /** Names that a node's file imports from files of resources. */
  private imports(node: ts.Node): ReadonlySet<string> {
    const names = node.getSourceFile().statements.flatMap((statement) => {
      const bindings = ts.isImportDeclaration(statement) ? statement.importClause?.namedBindings : undefined;
      return bindings !== undefined && ts.isNamedImports(bindings)
        ? bindings.elements.map((element) => element.name.text)
        : [];
    });
    return new Set(names);
  }

  private interfaceIn(file: string, name: string): ts.InterfaceDeclaration {
    const found = this.file(file).statements.find(
      (statement) => ts.isInterfaceDeclaration(statement) && statement.name.text === name,
    );
    if (found === undefined || !ts.isInterfaceDeclaration(found)) {
      throw new Error(`${this.folder}/${file}.d.ts: no interface ${name}`);
    }
    return found;
  }

  private classIn(file: string, name: string): ts.ClassDeclaration {
    const found = this.file(file).statements.find(
      (statement) => ts.isClassDeclaration(statement) && statement.name?.text === name,
    );
    if (found === undefined || !ts.isClassDeclaration(found)) {
      throw new Error(`${this.folder}/${file}.d.ts: no class ${name}`);
    }
    return found;
  }

  private inputMembers(name: string): Members {
    if (this.nested.size === 0) {
      this.index(this.file("types/input").statements, "");
    }
    const found = this.nested.get(name);
    if (found === undefined) {
      throw new Error(`${this.folder}/types/input.d.ts: no interface ${name}`);
    }
    return found;
  }

  private index(statements: readonly ts.Statement[], prefix: string): void {
    for (const statement of statements) {
      if (ts.isInterfaceDeclaration(statement)) {
        this.nested.set(prefix + statement.name.text, statement.members);
      } else if (ts.isModuleDeclaration(statement) && statement.body && ts.isModuleBlock(statement.body)) {
        this.index(statement.body.statements, `${prefix}${statement.name.text}.`);
      }
    }
  }

  private file(file: string): ts.SourceFile {
    const kept = this.files.get(file);
    if (kept !== undefined) {
      return kept;
    }
    const path = join(this.folder, `${file}.d.ts`);
    const options = { languageVersion: ts.ScriptTarget.ES2022, jsDocParsingMode: ts.JSDocParsingMode.ParseNone };
    // Nodes must know their parents: `getText` finds the text through them.
    const parsed = ts.createSourceFile(path, readFileSync(path, "utf8"), options, true);
    this.files.set(file, parsed);
    return parsed;
  }

  private unknownForm(node: ts.TypeNode): Error {
    return new Error(`${node.getSourceFile().fileName}: a type of a form not known: ${node.getText()}`);
  }
}

/** Of a fixed value only its kind counts: the real providers' services judge the values. */
function literal(node: ts.LiteralTypeNode): TypeSchema {
  switch (node.literal.kind) {
    case ts.SyntaxKind.StringLiteral:
      return { type: "string" };
    case ts.SyntaxKind.NumericLiteral:
      return { type: "number" };
    case ts.SyntaxKind.TrueKeyword:
    case ts.SyntaxKind.FalseKeyword:
      return { type: "boolean" };
    default:
      throw new Error(`${node.getSourceFile().fileName}: a literal of a form not known: ${node.getText()}`);
  }
}

function nameOf(member: ts.PropertySignature | ts.PropertyDeclaration): string {
  return ts.isStringLiteral(member.name) || ts.isIdentifier(member.name) ? member.name.text : member.name.getText();
}

function isStatic(member: ts.PropertyDeclaration): boolean {
  return member.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.StaticKeyword) ?? false;
}

/** By code units, so that the order is the same on every machine. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
