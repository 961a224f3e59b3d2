import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["node_modules/**", "rehearsal/out/**", "bench/out/**", "test/golden/*/**", "charts/**"] },
  {
    files: ["**/*.ts", "**/*.mts"],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/explicit-module-boundary-types": "error",
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      // "return await" costs nothing and keeps the stack trace of the function that waited.
      "@typescript-eslint/return-await": ["error", "in-try-catch"],
    },
  },
  {
    // Pulumi registers by constructing: a resource without a variable is a statement of its own.
    files: ["components/**/*.ts", "index.ts", "test/**/*.ts"],
    rules: { "no-new": "off" },
  },
  {
    files: ["test/**/*.ts"],
    rules: { "@typescript-eslint/no-unused-expressions": "off", "@typescript-eslint/no-floating-promises": "error" },
  },
);
