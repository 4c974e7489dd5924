// Command vectors prints edge cases of CometBFT's block format as JSON, computed by CometBFT itself.
//
// It is deterministic: one seed, no clock. The same input comes out byte for byte on every run.
package main

import (
	"encoding/hex"
	"encoding/json"
	"log"
	"math/rand"
	"os"

	cmtjson "github.com/cometbft/cometbft/libs/json"
	"github.com/cometbft/cometbft/version"
)

// object is one JSON object; encoding/json writes its keys sorted.
type object map[string]any

func main() {
	if version.TMCoreSemVer != "0.38.25" {
		log.Fatalf("built against CometBFT %s; the vectors are of 0.38.25", version.TMCoreSemVer)
	}
	random := rand.New(rand.NewSource(38025))
	document := object{
		"cometbft":        version.TMCoreSemVer,
		"merkle":          merkleVectors(),
		"times":           timeVectors(),
		"headers":         headerVectors(random),
		"votes":           voteVectors(random),
		"commits":         commitVectors(random),
		"validator_sets":  validatorSetVectors(random),
		"validator_moves": validatorMoveVectors(random),
		"blocks":          blockVectors(random),
		"results":         resultVectors(random),
		"params":          paramsVectors(),
		"light":           lightVectors(random),
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	check(encoder.Encode(document))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func hexText(data []byte) string { return hex.EncodeToString(data) }

func hexTexts(items [][]byte) []string {
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = hexText(item)
	}
	return texts
}

// rpcJSON writes a value as the RPC does (64-bit integers as strings, upper-case hex).
func rpcJSON(value any) json.RawMessage {
	data, err := cmtjson.Marshal(value)
	check(err)
	return data
}

func randomBytes(random *rand.Rand, length int) []byte {
	data := make([]byte, length)
	random.Read(data)
	return data
}
