import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import ts from "typescript";

/** One import or re-export: paths from the repository's root, packages by name. */
export type Import = { from: string; to: string; typeOnly: boolean };

/** Every import of every TypeScript file under `folder`. */
export function importsUnder(root: string, folder: string): Import[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .flatMap((name) => importsOf(readFileSync(join(root, folder, name), "utf8"), join(folder, name), root));
}

/** The imports that a file's text states, dynamic ones and `import("x")` types among them. */
export function importsOf(source: string, from: string, root: string): Import[] {
  const found: Import[] = [];
  const add = (specifier: string, typeOnly: boolean) => {
    const path = relative(root, resolve(root, dirname(from), specifier)).replace(/\.js$/, ".ts");
    found.push({ from, to: specifier.startsWith(".") ? path : specifier, typeOnly });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      const clause = node.importClause;
      add(
        node.moduleSpecifier.text,
        clause !== undefined && (isTypeOnly(clause) || onlyTypes(clause.namedBindings, clause.name)),
      );
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier)) {
      add(node.moduleSpecifier.text, node.isTypeOnly || onlyTypes(node.exportClause));
    } else if (
      ts.isImportTypeNode(node) &&
      ts.isLiteralTypeNode(node.argument) &&
      ts.isStringLiteral(node.argument.literal)
    ) {
      add(node.argument.literal.text, true);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [specifier] = node.arguments;
      if (specifier && ts.isStringLiteral(specifier)) add(specifier.text, false);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(from, source, ts.ScriptTarget.Latest));
  return found;
}

function isTypeOnly(clause: ts.ImportClause): boolean {
  return clause.phaseModifier === ts.SyntaxKind.TypeKeyword;
}

function onlyTypes(
  bindings: ts.NamedImportBindings | ts.NamedExportBindings | undefined,
  name?: ts.Identifier,
): boolean {
  if (name || !bindings || !("elements" in bindings)) return false;
  return (
    bindings.elements.length > 0 && bindings.elements.every((element) => "isTypeOnly" in element && element.isTypeOnly)
  );
}
