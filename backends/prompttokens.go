package backends

// charsPerToken is on the safe side (many tokens) of what tokenisers make of English prose.
const charsPerToken = 3.5

// PromptTokens predicts how many tokens a prompt of so many characters is, for the memory that it takes before anything runs.
func PromptTokens(chars int) int { return int(float64(chars) / charsPerToken) }
