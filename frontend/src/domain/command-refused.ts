/** A command that cannot be carried out on this draft. The draft stays as it was; `code` says why, for the page. */
export class CommandRefused extends Error {
  constructor(
    readonly code: string,
    detail = "",
  ) {
    super(detail ? `${code}: ${detail}` : code);
    this.name = "CommandRefused";
  }
}
