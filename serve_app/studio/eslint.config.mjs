// Rules for the modules of the studio: `make studio-check`.
const browser = Object.fromEntries(
  `AbortController Audio AudioContext Blob BroadcastChannel DOMException DataTransfer Element Event FileReader
  MediaMetadata MediaRecorder MutationObserver OfflineAudioContext ResizeObserver TextDecoderStream URL URLSearchParams
  XMLHttpRequest addEventListener atob clearInterval clearTimeout console crypto devicePixelRatio document fetch getComputedStyle history
  innerHeight isSecureContext localStorage location matchMedia navigator performance removeEventListener
  requestAnimationFrame cancelAnimationFrame scrollTo sessionStorage setInterval setTimeout window`.split(/\s+/).map((name) => [name, "readonly"]),
);

export default [
  { ignores: ["vendor/"] },
  {
    files: ["**/*.js"],
    languageOptions: { ecmaVersion: 2024, sourceType: "module", globals: browser },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: Object.fromEntries(
      `array-callback-return consistent-return default-case-last dot-notation eqeqeq for-direction getter-return no-alert
      no-array-constructor no-caller no-case-declarations no-class-assign no-cond-assign no-console no-const-assign
      no-constant-binary-expression no-constant-condition no-constructor-return no-debugger no-dupe-args no-dupe-class-members
      no-dupe-else-if no-dupe-keys no-duplicate-case no-else-return no-empty no-empty-pattern no-eval no-ex-assign
      no-extend-native no-fallthrough no-func-assign no-global-assign no-implied-eval no-import-assign no-invalid-regexp
      no-irregular-whitespace no-lone-blocks no-loss-of-precision no-misleading-character-class no-new no-new-func
      no-new-wrappers no-param-reassign no-promise-executor-return no-prototype-builtins no-redeclare
      no-script-url no-self-assign no-self-compare no-sequences no-shadow no-sparse-arrays no-template-curly-in-string
      no-this-before-super no-throw-literal no-undef no-unmodified-loop-condition no-unreachable no-unreachable-loop
      no-unsafe-finally no-unsafe-negation no-unsafe-optional-chaining no-unused-expressions no-unused-private-class-members
      no-unused-vars no-useless-assignment no-useless-backreference no-useless-catch no-useless-concat
      no-useless-escape no-useless-return no-var no-with object-shorthand prefer-const prefer-template radix
      require-await require-yield use-isnan valid-typeof`.split(/\s+/).map((rule) => [rule, "error"]),
    ),
  },
];
