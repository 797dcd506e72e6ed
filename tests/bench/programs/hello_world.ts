/** The least that a compiled program can do. */
console.log("hello, world");
