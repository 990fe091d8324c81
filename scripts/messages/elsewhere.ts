// Texts of the sources that are no messages, by their places (source.ts), with the reason. All others get an entry.

export const ELSEWHERE: readonly (readonly [place: RegExp, why: string])[] = [
  [
    /^launcher\/cli\/.* (\.(help|summary|description|examples|failure)\b|(shimTimeouts|addHelpText|helpOption)\()/,
    "help of a command: docs/cli.md has it",
  ],
  [/^launcher\/cli\/(help\.ts|completion|reference)\b/, "a script, or documentation, that is asked for"],
  [/^launcher\/(main|cli\/parser)\.ts (print\(|exitCodes:)/, "what Plexus is, for those who call it by hand"],
  [
    /^launcher\/(cli\/(explain\/print|pods\/(draw|page|print))|explain\/(addressing|underlay))\.ts|=SOURCE/,
    "part of a picture, a page or a table that is asked for",
  ],
  [/^launcher\/cli\/migrate\/forward\.ts .*=steps/, "what comes next, when all has gone well"],
  [
    /\/series\.ts .*(Counter|Gauge|Histogram|gauge|histogram|reading|single|metric)\(/,
    "a metric: docs/metrics.md has it",
  ],
  [/^launcher\/cli\/install\/(binaries|executor)\.ts (shimConf|unitOf):/, "a file that is written"],
  [/ write\((info|verbose|debug)\)/, "a line of the log of what goes well"],
  [/^launcher\/cli\/doctor\/.* ok\(/, "a line of doctor of what is in order"],
  [
    /^launcher\/cli\/doctor\/.* ((warn|fail|shortened)\(\w*\)2|[=.]remedy)/,
    "what mends a line of doctor: it stands beside the line",
  ],
  [/ (=\w*SHAPE\b|(hasShape|haveTypes)\()/, "the members of a document"],
  [
    / (parse|Fields|checkResult|listObjects|parseObject|objectOf|ListReader|resultOf)\(/,
    "what a message is of, in front of it",
  ],
  [/=what say|\/conf\.ts .*\.source|\/explain\/command\.ts =title/, "what a message is of, in front of it"],
  [
    / (compared|(startsWith|includes|indexOf|endsWith|test)\()|=BUSY\b|=FORMS\b|=TEMPLATES\b/,
    "words of other programs",
  ],
  [/^launcher\/cluster\/retry\.ts .*\.(reason|next)/, "why a rule is as it is: tests print it"],
  [/^packages\/core\/documents\.ts /, "a description in a schema"],
  [/^launcher\/cluster\/retry\.ts .*Error\(\)/, "what the compiler sees to that it cannot be"],
  [/ type\b/, "a type"],
];

export function isElsewhere(place: string): boolean {
  return ELSEWHERE.some(([one]) => one.test(place));
}
