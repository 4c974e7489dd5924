package main

import (
	"fmt"
	"math"
	"math/rand"
	"time"

	"github.com/cosmos/gogoproto/proto"
	gogotypes "github.com/cosmos/gogoproto/types"

	"github.com/cometbft/cometbft/crypto/merkle"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	cmtversion "github.com/cometbft/cometbft/proto/tendermint/version"
	"github.com/cometbft/cometbft/types"
	"github.com/cometbft/cometbft/version"
)

func merkleVectors() []object {
	vectors := []object{}
	for _, total := range []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 16, 21} {
		leaves := make([][]byte, total)
		for i := range leaves {
			leaves[i] = []byte(fmt.Sprintf("leaf %d", i))
		}
		root, proofs := merkle.ProofsFromByteSlices(leaves)
		written := []any{}
		for _, proof := range proofs {
			check(proof.Verify(root, leaves[proof.Index]))
			written = append(written, rpcJSON(proof))
		}
		if total > 9 { // the shapes repeat: one proof of the larger trees is enough
			written = written[total-1:]
		}
		vectors = append(vectors, object{"total": total, "root": hexText(root), "proofs": written})
	}
	return vectors
}

func edgeTimes() []time.Time {
	return []time.Time{
		{},
		time.Unix(0, 0).UTC(),
		time.Unix(0, 1).UTC(),
		time.Unix(-1, 999999999).UTC(),
		time.Date(1900, 2, 28, 23, 59, 59, 100, time.UTC),
		time.Date(2000, 2, 29, 12, 0, 0, 120000000, time.UTC),
		time.Date(2026, 12, 31, 23, 59, 59, 999999999, time.UTC),
		time.Date(2100, 3, 1, 0, 0, 0, 10, time.UTC),
		time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC),
	}
}

func timeVectors() []object {
	vectors := []object{}
	for _, moment := range edgeTimes() {
		encoded, err := gogotypes.StdTimeMarshal(moment)
		check(err)
		vectors = append(vectors, object{
			"seconds": moment.Unix(),
			"nanos":   moment.Nanosecond(),
			"rfc3339": moment.Format(time.RFC3339Nano),
			"proto":   hexText(encoded),
		})
	}
	return vectors
}

func randomTime(random *rand.Rand) time.Time {
	return time.Unix(1_700_000_000+random.Int63n(1_000_000_000), random.Int63n(1_000_000_000)).UTC()
}

func randomBlockID(random *rand.Rand) types.BlockID {
	return types.BlockID{
		Hash: randomBytes(random, 32),
		PartSetHeader: types.PartSetHeader{
			Total: 1 + uint32(random.Intn(1600)),
			Hash:  randomBytes(random, 32),
		},
	}
}

func randomHeader(random *rand.Rand) *types.Header {
	return &types.Header{
		Version:            cmtversion.Consensus{Block: version.BlockProtocol, App: random.Uint64() % 4},
		ChainID:            fmt.Sprintf("truewatt-%d", random.Intn(100000)),
		Height:             1 + random.Int63(),
		Time:               randomTime(random),
		LastBlockID:        randomBlockID(random),
		LastCommitHash:     randomBytes(random, 32),
		DataHash:           randomBytes(random, 32),
		ValidatorsHash:     randomBytes(random, 32),
		NextValidatorsHash: randomBytes(random, 32),
		ConsensusHash:      randomBytes(random, 32),
		AppHash:            randomBytes(random, random.Intn(41)),
		LastResultsHash:    randomBytes(random, 32),
		EvidenceHash:       randomBytes(random, 32),
		ProposerAddress:    randomBytes(random, 20),
	}
}

func headerVectors(random *rand.Rand) []object {
	headers := []*types.Header{}
	for i := 0; i < 8; i++ {
		headers = append(headers, randomHeader(random))
	}
	first := randomHeader(random)
	first.Height, first.LastBlockID = 1, types.BlockID{}
	highest := randomHeader(random)
	highest.Height = math.MaxInt64
	sparse := &types.Header{
		Version: cmtversion.Consensus{Block: version.BlockProtocol}, Time: time.Unix(0, 0).UTC(),
		ValidatorsHash: randomBytes(random, 32),
	}
	headers = append(headers, first, highest, sparse)
	for _, moment := range edgeTimes() {
		dated := randomHeader(random)
		dated.Time = moment
		headers = append(headers, dated)
	}
	vectors := []object{}
	for _, header := range headers {
		encoded, err := proto.Marshal(header.ToProto())
		check(err)
		vectors = append(vectors, object{
			"header": rpcJSON(header), "hash": hexText(header.Hash()), "proto": hexText(encoded),
		})
	}
	return vectors
}

func voteVectors(random *rand.Rand) []object {
	vectors := []object{}
	add := func(chainID string, vote types.Vote) {
		vectors = append(vectors, object{
			"chain_id":  chainID,
			"type":      int(vote.Type),
			"height":    vote.Height,
			"round":     vote.Round,
			"block_id":  rpcJSON(vote.BlockID),
			"time":      vote.Timestamp.Format(time.RFC3339Nano),
			"signbytes": hexText(types.VoteSignBytes(chainID, vote.ToProto())),
		})
	}
	for i := 0; i < 6; i++ {
		add("truewatt-1", types.Vote{
			Type: cmtproto.PrecommitType, Height: 1 + random.Int63n(1<<40), Round: int32(i),
			BlockID: randomBlockID(random), Timestamp: randomTime(random),
		})
	}
	add("truewatt-1", types.Vote{Type: cmtproto.PrevoteType, Height: 7, BlockID: randomBlockID(random)})
	add("truewatt-1", types.Vote{Type: cmtproto.PrecommitType, Height: 7, Timestamp: randomTime(random)})
	add("", types.Vote{Type: cmtproto.PrecommitType, Timestamp: time.Unix(0, 0).UTC()})
	add("a chain id of fifty characters, the longest allowed", types.Vote{
		Type: cmtproto.PrecommitType, Height: math.MaxInt64, Round: math.MaxInt32,
		BlockID: randomBlockID(random), Timestamp: edgeTimes()[8],
	})
	return vectors
}

func randomCommit(random *rand.Rand, set *types.ValidatorSet) *types.Commit {
	commit := &types.Commit{
		Height: 1 + random.Int63n(1<<40), Round: random.Int31n(4), BlockID: randomBlockID(random),
	}
	for _, validator := range set.Validators {
		entry := types.NewCommitSigAbsent()
		if flag := 1 + random.Intn(3); flag != 1 {
			entry = types.CommitSig{
				BlockIDFlag:      types.BlockIDFlag(flag),
				ValidatorAddress: validator.Address,
				Timestamp:        randomTime(random),
				Signature:        randomBytes(random, 64),
			}
		}
		commit.Signatures = append(commit.Signatures, entry)
	}
	commit.Signatures[0] = types.CommitSig{
		BlockIDFlag:      types.BlockIDFlagCommit,
		ValidatorAddress: set.Validators[0].Address,
		Timestamp:        randomTime(random),
		Signature:        randomBytes(random, 64),
	}
	return commit
}

func commitVectors(random *rand.Rand) []object {
	vectors := []object{}
	for _, size := range []int{1, 2, 4, 7} {
		set := types.NewValidatorSet(randomValidators(random, size))
		commit := randomCommit(random, set)
		encoded, err := proto.Marshal(commit.ToProto())
		check(err)
		signBytes := [][]byte{}
		for i := range commit.Signatures {
			signBytes = append(signBytes, commit.VoteSignBytes("truewatt-1", int32(i)))
		}
		vectors = append(vectors, object{
			"commit":     rpcJSON(commit),
			"validators": rpcJSON(set.Validators),
			"hash":       hexText(commit.Hash()),
			"proto":      hexText(encoded),
			"signbytes":  hexTexts(signBytes),
			"median":     medianTime(commit, set).Format(time.RFC3339Nano),
		})
	}
	return vectors
}
