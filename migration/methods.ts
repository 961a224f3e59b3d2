/** HTTP methods that change a configuration, in A's dashboard and Admin API: what the freeze `writes-only` refuses. */
export const WRITING_METHODS: readonly string[] = ["POST", "PUT", "PATCH", "DELETE"];
