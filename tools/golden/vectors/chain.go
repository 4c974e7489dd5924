package main

import (
	"errors"
	"math"
	"math/rand"
	"time"

	"github.com/cosmos/gogoproto/proto"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/crypto/tmhash"
	"github.com/cometbft/cometbft/light"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/types"
)

func medianTime(commit *types.Commit, set *types.ValidatorSet) time.Time {
	median, err := state.MedianTime(commit, set)
	check(err)
	return median
}

func randomKey(random *rand.Rand) ed25519.PrivKey {
	return ed25519.GenPrivKeyFromSecret(randomBytes(random, 32))
}

// randomValidators has few distinct powers, so that ties in power are broken by address.
func randomValidators(random *rand.Rand, size int) []*types.Validator {
	validators := make([]*types.Validator, size)
	for i := range validators {
		validators[i] = types.NewValidator(randomKey(random).PubKey(), 1+random.Int63n(4))
	}
	return validators
}

func describeSet(set *types.ValidatorSet) object {
	described, err := set.ToProto()
	check(err)
	encoded, err := proto.Marshal(described)
	check(err)
	return object{
		"validators": rpcJSON(set.Validators),
		"hash":       hexText(set.Hash()),
		"proposer":   hexText(set.GetProposer().Address),
		"proto_hash": hexText(tmhash.Sum(encoded)),
	}
}

func validatorSetVectors(random *rand.Rand) []object {
	vectors := []object{}
	for _, size := range []int{1, 2, 3, 4, 7, 10} {
		given := randomValidators(random, size)
		vector := describeSet(types.NewValidatorSet(given))
		vector["given"] = rpcJSON(given)
		vectors = append(vectors, vector)
	}
	strongest := []*types.Validator{
		types.NewValidator(randomKey(random).PubKey(), types.MaxTotalVotingPower),
	}
	vector := describeSet(types.NewValidatorSet(strongest))
	vector["given"] = rpcJSON(strongest)
	return append(vectors, vector)
}

func validatorMoveVectors(random *rand.Rand) []object {
	vectors := []object{}
	set := types.NewValidatorSet(randomValidators(random, 4))
	for i := 0; i < 6; i++ {
		changes := randomValidators(random, 1+i%2)
		raised := set.Validators[random.Intn(set.Size())].Copy()
		raised.VotingPower += 1 + random.Int63n(3)
		changes = append(changes, raised)
		if removed := set.Validators[0].Copy(); i%2 == 1 && string(removed.Address) != string(raised.Address) {
			removed.VotingPower = 0
			changes = append(changes, removed)
		}
		next := set.Copy()
		check(next.UpdateWithChangeSet(changes))
		vectors = append(vectors, object{
			"before": rpcJSON(set.Validators), "changes": rpcJSON(changes),
			"after": rpcJSON(next.Validators), "hash": hexText(next.Hash()),
		})
		set = next
	}
	return vectors
}

// blockVectors gives transactions as (byte, length), so that large blocks stay small here.
func blockVectors(random *rand.Rand) []object {
	vectors := []object{}
	for _, lengths := range [][]int{{}, {1}, {0, 250, 16, 17}, {65000}, {65536, 1, 131072}, {300000, 4000}} {
		txs, written := types.Txs{}, [][2]int{}
		for _, length := range lengths {
			fill := random.Intn(256)
			tx := make(types.Tx, length)
			for i := range tx {
				tx[i] = byte(fill)
			}
			txs, written = append(txs, tx), append(written, [2]int{fill, length})
		}
		set := types.NewValidatorSet(randomValidators(random, 1+random.Intn(4)))
		commit := randomCommit(random, set)
		block := types.MakeBlock(commit.Height+1, txs, commit, nil)
		block.Header.Populate(randomHeader(random).Version, "truewatt-1", medianTime(commit, set),
			commit.BlockID, set.Hash(), set.Hash(), randomBytes(random, 32), randomBytes(random, 32),
			randomBytes(random, 32), set.Validators[0].Address)
		parts, err := block.MakePartSet(types.BlockPartSizeBytes)
		check(err)
		described, err := block.ToProto()
		check(err)
		encoded, err := proto.Marshal(described)
		check(err)
		vectors = append(vectors, object{
			"txs":         written,
			"header":      rpcJSON(block.Header),
			"last_commit": rpcJSON(commit),
			"block_id":    rpcJSON(types.BlockID{Hash: block.Hash(), PartSetHeader: parts.Header()}),
			"size":        len(encoded),
			"proto_hash":  hexText(tmhash.Sum(encoded)),
		})
	}
	return vectors
}

func resultVectors(random *rand.Rand) []object {
	vectors := []object{}
	for _, count := range []int{0, 1, 2, 5} {
		results, written := []*abci.ExecTxResult{}, []object{}
		for i := 0; i < count; i++ {
			result := &abci.ExecTxResult{
				Code: uint32(random.Intn(3)), Data: randomBytes(random, random.Intn(40)),
				Log: "not hashed", Info: "not hashed", Codespace: "not hashed",
				GasWanted: random.Int63n(3) - 1, GasUsed: random.Int63n(1 << 40),
			}
			if i == 4 {
				result.Code, result.GasWanted = math.MaxUint32, math.MinInt64
			}
			results = append(results, result)
			written = append(written, object{
				"code": result.Code, "data": hexText(result.Data),
				"gas_wanted": result.GasWanted, "gas_used": result.GasUsed,
			})
		}
		hash := types.NewResults(results).Hash()
		vectors = append(vectors, object{"results": written, "hash": hexText(hash)})
	}
	return vectors
}

func paramsVectors() []object {
	vectors := []object{}
	for _, block := range []types.BlockParams{
		types.DefaultBlockParams(), {MaxBytes: 1, MaxGas: 0}, {MaxBytes: -1, MaxGas: -1},
		{MaxBytes: types.MaxBlockSizeBytes, MaxGas: math.MaxInt64},
	} {
		params := types.DefaultConsensusParams()
		params.Block = block
		vectors = append(vectors, object{"params": rpcJSON(params), "hash": hexText(params.Hash())})
	}
	return vectors
}

// lightVectors is a chain whose validators change, and what CometBFT says of every pair of heights.
func lightVectors(random *rand.Rand) object {
	const heights = 9
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	keys := map[string]ed25519.PrivKey{}
	sets := make([]*types.ValidatorSet, heights+2)
	members := []*types.Validator{}
	for i := range sets {
		key := randomKey(random)
		keys[string(key.PubKey().Address())] = key
		members = append(members, types.NewValidator(key.PubKey(), 10))
		if len(members) > 3 {
			members = members[1:]
		}
		sets[i] = types.NewValidatorSet(members)
	}
	chain, last := []*types.LightBlock{}, types.BlockID{}
	for i := 1; i <= heights; i++ {
		header := randomHeader(random)
		header.ChainID, header.Height, header.LastBlockID = "light-1", int64(i), last
		header.Time = start.Add(time.Duration(i) * time.Second)
		header.ValidatorsHash, header.NextValidatorsHash = sets[i].Hash(), sets[i+1].Hash()
		header.ProposerAddress = sets[i].Validators[0].Address
		last = types.BlockID{Hash: header.Hash(), PartSetHeader: randomBlockID(random).PartSetHeader}
		commit := signedCommit(header, last, sets[i], keys)
		signed := &types.SignedHeader{Header: header, Commit: commit}
		chain = append(chain, &types.LightBlock{SignedHeader: signed, ValidatorSet: sets[i]})
	}
	now := start.Add(time.Minute)
	verdicts := []object{}
	for _, trusted := range chain {
		for _, next := range chain[trusted.Height:] {
			err := light.Verify(trusted.SignedHeader, trusted.ValidatorSet, next.SignedHeader,
				next.ValidatorSet, time.Hour, now, time.Second, light.DefaultTrustLevel)
			verdicts = append(verdicts, object{
				"trusted": trusted.Height, "new": next.Height, "verdict": verdict(err),
			})
		}
	}
	written := []object{}
	for _, block := range chain {
		written = append(written, object{
			"header":     rpcJSON(block.Header),
			"commit":     rpcJSON(block.Commit),
			"validators": rpcJSON(block.ValidatorSet.Validators),
		})
	}
	return object{"now": now.Format(time.RFC3339Nano), "chain": written, "verdicts": verdicts}
}

func verdict(err error) string {
	var untrusted light.ErrNewValSetCantBeTrusted
	switch {
	case err == nil:
		return "accepted"
	case errors.As(err, &untrusted):
		return "not enough trust"
	default:
		return "refused: " + err.Error()
	}
}

func signedCommit(
	header *types.Header, id types.BlockID, set *types.ValidatorSet, keys map[string]ed25519.PrivKey,
) *types.Commit {
	commit := &types.Commit{Height: header.Height, BlockID: id}
	for i, validator := range set.Validators {
		commit.Signatures = append(commit.Signatures, types.CommitSig{
			BlockIDFlag:      types.BlockIDFlagCommit,
			ValidatorAddress: validator.Address,
			Timestamp:        header.Time.Add(time.Duration(i+1) * time.Millisecond),
		})
		vote := &cmtproto.Vote{
			Type: cmtproto.PrecommitType, Height: header.Height, BlockID: id.ToProto(),
			Timestamp: commit.Signatures[i].Timestamp,
		}
		signature, err := keys[string(validator.Address)].Sign(types.VoteSignBytes(header.ChainID, vote))
		check(err)
		commit.Signatures[i].Signature = signature
	}
	return commit
}
