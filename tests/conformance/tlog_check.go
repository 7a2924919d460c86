// Checks a mirror and receipts with the Go team's own implementation of transparency logs and signed notes
// (golang.org/x/mod/sumdb), which shares no code with ours: tlog_check MIRROR RECEIPT…
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// must ends the program with what failed.
func must(err error, what string) {
	if err != nil {
		fmt.Println("FAILED", what, err)
		os.Exit(1)
	}
}

// open verifies a checkpoint's signature and returns its tree.
func open(signed []byte, verifiers note.Verifiers) tlog.Tree {
	opened, err := note.Open(signed, verifiers)
	must(err, "checkpoint signature")
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err, "size")
	hash, err := tlog.ParseHash(lines[2])
	must(err, "root")
	return tlog.Tree{N: size, Hash: hash}
}

// tiles reads the tiles of a mirror; c2sp.org/tlog-tiles fixes the height, so paths do not name it.
type tiles struct{ folder string }

func (t tiles) Height() int { return 8 }

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	found := make([][]byte, len(wanted))
	for i, tile := range wanted {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		content, err := os.ReadFile(filepath.Join(t.folder, path))
		if os.IsNotExist(err) { // a partial tile that a full one has replaced
			path, _, _ = strings.Cut(path, ".p/")
			content, err = os.ReadFile(filepath.Join(t.folder, path))
		}
		if err != nil {
			return nil, err
		}
		found[i] = content[:tile.W*tlog.HashSize]
	}
	return found, nil
}

func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

// entries reads every entry of the log from the bundles.
func entries(folder string, size int64) [][]byte {
	var found [][]byte
	for int64(len(found)) < size {
		first := int64(len(found))
		tile := tlog.Tile{H: 8, L: 0, N: first / 256, W: int(min(256, size-first))}
		path := strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1)
		content, err := os.ReadFile(filepath.Join(folder, path))
		must(err, "bundle")
		for len(content) > 0 {
			length := int(binary.BigEndian.Uint16(content))
			found = append(found, content[2:2+length])
			content = content[2+length:]
		}
	}
	return found
}

func min(a, b int64) int64 {
	if a < b {
		return a
	}
	return b
}

// stored keeps hashes as the package lays them out, so that it can compute trees from the entries alone.
type stored []tlog.Hash

func (s stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		found[i] = s[index]
	}
	return found, nil
}

// receipt checks a c2sp.org/tlog-proof.
func receipt(path string, verifiers note.Verifiers) {
	content, err := os.ReadFile(path)
	must(err, "receipt")
	head, checkpoint, _ := bytes.Cut(content, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	entry, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	must(err, "extra")
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	must(err, "index")
	var proof tlog.RecordProof
	for _, line := range lines[3:] {
		hash, err := tlog.ParseHash(line)
		must(err, "hash")
		proof = append(proof, hash)
	}
	tree := open(checkpoint, verifiers)
	must(tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry)), "inclusion")
}

func main() {
	folder := os.Args[1]
	vkey, err := os.ReadFile(filepath.Join(folder, "log.vkey"))
	must(err, "key")
	verifier, err := note.NewVerifier(strings.TrimSpace(string(vkey)))
	must(err, "key")
	verifiers := note.VerifierList(verifier)
	signed, err := os.ReadFile(filepath.Join(folder, "checkpoint"))
	must(err, "checkpoint")
	tree := open(signed, verifiers)

	var hashes stored
	for index, entry := range entries(folder, tree.N) {
		more, err := tlog.StoredHashes(int64(index), entry, hashes)
		must(err, "entry")
		hashes = append(hashes, more...)
	}
	root, err := tlog.TreeHash(tree.N, hashes)
	must(err, "tree of the entries")
	if root != tree.Hash {
		must(fmt.Errorf("%v", root), "root of the entries")
	}
	reader := tlog.TileHashReader(tree, tiles{folder})
	for index := int64(0); index < tree.N; index++ {
		proof, err := tlog.ProveRecord(tree.N, index, reader)
		must(err, "proof from tiles")
		leaf := hashes[tlog.StoredHashIndex(0, index)]
		must(tlog.CheckRecord(proof, tree.N, tree.Hash, index, leaf), "proof from tiles")
	}
	kept, _ := filepath.Glob(filepath.Join(folder, "kept", "????????????????????"))
	for _, path := range kept {
		signed, err := os.ReadFile(path)
		must(err, "kept checkpoint")
		old := open(signed, verifiers)
		proof, err := tlog.ProveTree(tree.N, old.N, reader)
		must(err, "consistency")
		must(tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash), "consistency")
	}
	for _, path := range os.Args[2:] {
		receipt(path, verifiers)
	}
	fmt.Printf("OK %d entries, %d kept checkpoints, %d receipts\n", tree.N, len(kept), len(os.Args)-2)
}
