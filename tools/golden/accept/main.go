// Command accept reads a chain as the RPC gives it (see recording.py) and lets CometBFT v0.38.25 judge
// it: the full rules of a validator for each block, and the light client's for each pair of headers.
// It ends 0 and prints what it checked, or names the first block that CometBFT refuses.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	cmtjson "github.com/cometbft/cometbft/libs/json"
	cmtlog "github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/light"
	cmtstate "github.com/cometbft/cometbft/proto/tendermint/state"
	"github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/types"
)

type document struct {
	ConsensusParams []struct {
		ConsensusParams types.ConsensusParams `json:"consensus_params"`
	} `json:"consensus_params"`
	Blocks []entry `json:"blocks"`
}

type entry struct {
	BlockID    types.BlockID `json:"block_id"`
	Block      *types.Block  `json:"block"`
	Commit     *types.Commit `json:"commit"`
	Validators struct {
		Validators []*types.Validator `json:"validators"`
	} `json:"validators"`
	Results []*abci.ExecTxResult `json:"results"`
}

func (e entry) signed() *types.SignedHeader {
	return &types.SignedHeader{Header: &e.Block.Header, Commit: e.Commit}
}

func (e entry) set() *types.ValidatorSet {
	set, err := types.ValidatorSetFromExistingValidators(e.Validators.Validators)
	check(0, err)
	return set
}

func main() {
	input, err := io.ReadAll(os.Stdin)
	check(0, err)
	var chain document
	check(0, cmtjson.Unmarshal(input, &chain))
	blocks := chain.Blocks
	for i, block := range blocks {
		height := block.Block.Height
		check(height, sameID(block))
		check(height, validate(chain, i))
		check(height, block.set().VerifyCommit(
			block.Block.ChainID, block.BlockID, height, block.Commit))
	}
	pairs := verifyLight(blocks)
	check(0, json.NewEncoder(os.Stdout).Encode(map[string]int{
		"blocks_valid": len(blocks), "light_pairs_accepted": pairs,
	}))
}

// check ends the program; height 0 stands for the input as a whole.
func check(height int64, err error) {
	if err != nil {
		log.Fatalf("height %d: %v", height, err)
	}
}

// sameID recomputes header hash and part set.
func sameID(e entry) error {
	parts, err := e.Block.MakePartSet(types.BlockPartSizeBytes)
	if err != nil {
		return err
	}
	computed := types.BlockID{Hash: e.Block.Hash(), PartSetHeader: parts.Header()}
	if !computed.Equals(e.BlockID) {
		return fmt.Errorf("block id is %v, computed %v", e.BlockID, computed)
	}
	return nil
}

// validate applies a validator's rules, with the state that the blocks before lead to. The state's
// app hash can't be recomputed here; all else is.
func validate(chain document, i int) error {
	this, first := chain.Blocks[i], chain.Blocks[0]
	header := this.Block.Header
	before := state.State{
		Version:         cmtstate.Version{Consensus: header.Version},
		ChainID:         first.Block.ChainID,
		InitialHeight:   first.Block.Height,
		ConsensusParams: chain.ConsensusParams[0].ConsensusParams,
		AppHash:         header.AppHash,
		Validators:      this.set(),
		NextValidators:  this.set(),
		LastBlockTime:   first.Block.Time,
		LastResultsHash: types.NewResults(nil).Hash(),
	}
	if i+1 < len(chain.Blocks) {
		before.NextValidators = chain.Blocks[i+1].set()
	}
	if i > 0 {
		last := chain.Blocks[i-1]
		before.LastBlockHeight, before.LastBlockID = last.Block.Height, last.BlockID
		before.LastBlockTime, before.LastValidators = last.Block.Time, last.set()
		before.LastResultsHash = types.NewResults(last.Results).Hash()
		if !bytes.Equal(last.Commit.Hash(), header.LastCommitHash) {
			return fmt.Errorf("last commit is not the commit of height %d", last.Block.Height)
		}
	}
	executor := state.NewBlockExecutor(
		nil, cmtlog.NewNopLogger(), nil, nil, state.EmptyEvidencePool{}, nil)
	return executor.ValidateBlock(before, this.Block)
}

// verifyLight runs the light client over every pair of heights and counts them.
func verifyLight(blocks []entry) int {
	now, pairs := blocks[len(blocks)-1].Block.Time, 0
	for i, trusted := range blocks {
		for _, next := range blocks[i+1:] {
			err := light.Verify(trusted.signed(), trusted.set(), next.signed(), next.set(),
				1000*time.Hour, now, time.Second, light.DefaultTrustLevel)
			check(next.Block.Height, err)
			pairs++
		}
	}
	return pairs
}
